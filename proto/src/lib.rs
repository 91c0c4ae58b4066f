//! The language of Windhover: ids, events, inputs, flow documents, expressions, codec, limits, and the pure core.
