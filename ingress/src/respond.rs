//! Kestra's webhook response, written straight into its bytes.

use http::{HeaderMap, Uri, header};
use windhover_proto::{
    delivery::FlowRef,
    expr::Value,
    id::ExecutionId,
    state::{History, State},
    time::Timestamp,
};

/// What a sender is told about the execution that its delivery started, or belongs to.
pub(crate) struct Told<'a> {
    /// The flow and revision.
    pub(crate) reference: &'a FlowRef,
    /// The execution.
    pub(crate) execution: ExecutionId,
    /// Id of the trigger.
    pub(crate) trigger: &'a str,
    /// Type of the trigger.
    pub(crate) trigger_type: &'a str,
    /// JSON of the trigger's variables, sensitive headers masked.
    pub(crate) variables: &'a str,
    /// The flow's outputs, when the end was waited for and there are any.
    pub(crate) outputs: Option<&'a Value>,
    /// Labels, in order.
    pub(crate) labels: &'a [(String, String)],
    /// States, live.
    pub(crate) history: &'a History,
    /// The time, for the duration of what has not ended.
    pub(crate) now: Timestamp,
    /// Where the web page is.
    pub(crate) base_url: &'a str,
}

impl Told<'_> {
    /// The JSON text.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(640 + self.variables.len());
        let FlowRef { tenant, namespace, flow, revision } = self.reference;
        let id = self.execution.to_string();
        raw(&mut out, "{\"tenantId\":");
        text(&mut out, tenant.as_str());
        raw(&mut out, ",\"id\":\"");
        raw(&mut out, &id);
        raw(&mut out, "\",\"namespace\":");
        text(&mut out, namespace.as_str());
        raw(&mut out, ",\"flowId\":");
        text(&mut out, flow.as_str());
        raw(&mut out, ",\"flowRevision\":");
        raw(&mut out, &revision.to_string());
        raw(&mut out, ",\"trigger\":{\"id\":");
        text(&mut out, self.trigger);
        raw(&mut out, ",\"type\":");
        text(&mut out, self.trigger_type);
        raw(&mut out, ",\"variables\":");
        raw(&mut out, self.variables);
        raw(&mut out, "}");
        if let Some(outputs) = self.outputs {
            raw(&mut out, ",\"outputs\":");
            raw(&mut out, &outputs.to_json());
        }
        labels(&mut out, self.labels);
        state(&mut out, self.history, self.now);
        raw(&mut out, ",\"url\":");
        text(&mut out, &format!("{}/ui/{tenant}/executions/{namespace}/{flow}/{id}", self.base_url));
        raw(&mut out, "}");
        out
    }
}

fn raw(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).unwrap_or_else(|error| unreachable!("text into memory: {error}"));
}

fn labels(out: &mut Vec<u8>, labels: &[(String, String)]) {
    raw(out, ",\"labels\":[");
    for (place, (key, value)) in labels.iter().enumerate() {
        raw(out, if place == 0 { "{\"key\":" } else { ",{\"key\":" });
        text(out, key);
        raw(out, ",\"value\":");
        text(out, value);
        raw(out, "}");
    }
    raw(out, "]");
}

fn state(out: &mut Vec<u8>, history: &History, now: Timestamp) {
    let current = history.current();
    raw(out, ",\"state\":{\"current\":\"");
    raw(out, current.as_str());
    raw(out, "\",\"histories\":[");
    for (place, (state, at)) in history.entries().iter().enumerate() {
        raw(out, if place == 0 { "" } else { "," });
        entry(out, *state, *at);
    }
    let end = if current.is_terminal() { history.changed_at() } else { now };
    raw(out, "],\"duration\":\"");
    raw(out, &duration(end.millis_since(history.started_at())));
    raw(out, "\",\"startDate\":\"");
    raw(out, &history.started_at().to_string());
    if current.is_terminal() {
        raw(out, "\",\"endDate\":\"");
        raw(out, &end.to_string());
    }
    raw(out, "\"}");
}

fn entry(out: &mut Vec<u8>, state: State, at: Timestamp) {
    raw(out, "{\"state\":\"");
    raw(out, state.as_str());
    raw(out, "\",\"date\":\"");
    raw(out, &at.to_string());
    raw(out, "\"}");
}

/// A span as Kestra prints it: `PT1H2M3.004S`.
fn duration(millis: i64) -> String {
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
    let mut text = String::from("PT");
    for (number, unit) in [(hours, 'H'), (minutes, 'M')] {
        if number > 0 {
            text.push_str(&number.to_string());
            text.push(unit);
        }
    }
    match millis % 1_000 {
        0 if seconds == 0 && text.len() > 2 => {}
        0 => text.push_str(&format!("{seconds}S")),
        fraction => {
            let fraction = format!("{fraction:03}");
            text.push_str(&format!("{seconds}.{}S", fraction.trim_end_matches('0')));
        }
    }
    text
}

/// Where the web page is, without a slash at its end: as configured, else as the sender called us, else nothing, which makes
/// the address relative.
pub(crate) fn base_url(public_url: Option<&str>, headers: &HeaderMap, uri: &Uri) -> String {
    if let Some(url) = public_url {
        return url.trim_end_matches('/').to_owned();
    }
    // HTTP/2 names the host in the address.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
    host.map_or_else(String::new, |host| format!("http://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_kestras_members() {
        let reference = FlowRef {
            tenant: "main".parse().unwrap(),
            namespace: "a.b".parse().unwrap(),
            flow: "f".parse().unwrap(),
            revision: 3,
        };
        let at = Timestamp::from_millis(1_793_614_530_123);
        let told = Told {
            reference: &reference,
            execution: ExecutionId::from_bytes([1; 16]),
            trigger: "hook",
            trigger_type: "T",
            variables: r#"{"parameters":{}}"#,
            outputs: None,
            labels: &[("a\"".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())],
            history: &History::created(at),
            now: at.plus_millis(2),
            base_url: "http://h",
        };
        let id = ExecutionId::from_bytes([1; 16]).to_string();
        let expected = format!(
            concat!(
                r#"{{"tenantId":"main","id":"{id}","namespace":"a.b","flowId":"f","flowRevision":3,"#,
                r#""trigger":{{"id":"hook","type":"T","variables":{{"parameters":{{}}}}}},"#,
                r#""labels":[{{"key":"a\"","value":"1"}},{{"key":"b","value":"2"}}],"#,
                r#""state":{{"current":"CREATED","histories":[{{"state":"CREATED","date":"2026-11-02T10:15:30.123Z"}}],"#,
                r#""duration":"PT0.002S","startDate":"2026-11-02T10:15:30.123Z"}},"#,
                r#""url":"http://h/ui/main/executions/a.b/f/{id}"}}"#
            ),
            id = id
        );
        assert_eq!(String::from_utf8(told.to_json()).unwrap(), expected);
    }

    #[test]
    fn durations_print_as_java_prints_them() {
        let printed = [0, 2, 1_000, 1_500, 60_000, 61_010, 3_600_000, 3_723_004].map(duration);
        assert_eq!(printed, ["PT0S", "PT0.002S", "PT1S", "PT1.5S", "PT1M", "PT1M1.01S", "PT1H", "PT1H2M3.004S"]);
    }

    #[test]
    fn the_page_is_where_it_was_configured_else_where_the_sender_called() {
        let mut headers = HeaderMap::new();
        let path = Uri::from_static("/a");
        assert_eq!(base_url(None, &headers, &path), "");
        assert_eq!(base_url(None, &headers, &Uri::from_static("http://h:2/a")), "http://h:2");
        headers.insert(header::HOST, header::HeaderValue::from_static("h:1"));
        assert_eq!(base_url(None, &headers, &path), "http://h:1");
        assert_eq!(base_url(Some("https://x/"), &headers, &path), "https://x");
    }
}
