//! What is fuzzed. Each target names its claim, its first inputs, and what it does with an input.

mod core;
mod expressions;
mod flows;

/// One thing to fuzz.
pub(crate) struct Target {
    /// How it is called on the command line.
    pub(crate) name: &'static str,
    /// What is claimed to hold for every input.
    pub(crate) claim: &'static str,
    /// The inputs that mutations start from.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Runs on one input; an error is a broken claim.
    pub(crate) run: fn(&[u8]) -> Result<(), String>,
}

/// Every target. Add yours here, in a file of its own.
pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "template",
        claim: "any text compiles or is refused, and what compiles renders the same twice",
        seeds: expressions::templates,
        run: expressions::render,
    },
    Target {
        name: "json",
        claim: "any text is refused or comes back from its printed form",
        seeds: expressions::documents,
        run: expressions::json,
    },
    Target {
        name: "filters",
        claim: "every filter and function answers or fails for any argument",
        seeds: expressions::calls,
        run: expressions::render,
    },
    Target {
        name: "jq",
        claim: "no jq program panics or runs without end",
        seeds: expressions::programs,
        run: expressions::jq,
    },
    Target {
        name: "flow",
        claim: "any text gives flows, or faults with a place in the text, and twice the same",
        seeds: flows::documents,
        run: flows::read,
    },
    Target {
        name: "record",
        claim: "any bytes are refused as a record or come back as written, and no event makes the fold panic",
        seeds: core::records,
        run: core::read_record,
    },
    Target {
        name: "turn",
        claim: "whatever happens in whatever order, the fold of a commit is what its turn gave, and nothing gets stuck",
        seeds: core::scripts,
        run: core::take_turns,
    },
];
