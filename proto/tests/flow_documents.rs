//! What a flow document may say, and how what it may not say is reported.

use windhover_proto::flow::{Flow, TaskKind, TriggerKind};

const EXAMPLE: &str = r#"id: webhook_example
namespace: company.team
labels:
  team: shop
tasks:
  - id: out
    type: io.kestra.plugin.core.debug.Return
    format: "{{ trigger | json }}"
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: 1KERKzRQZSMtLdMdNI7Nkr
"#;

#[test]
fn the_example_flow_is_read() {
    let flow = Flow::parse(EXAMPLE).unwrap();
    assert_eq!((flow.id.as_str(), flow.namespace.as_str()), ("webhook_example", "company.team"));
    assert_eq!(flow.labels, [("team".to_owned(), "shop".to_owned())]);
    assert!(matches!(&flow.tasks[0].kind, TaskKind::Return { format: Some(_) }));
    let TriggerKind::Webhook(webhook) = &flow.triggers[0].kind;
    assert_eq!(webhook.key.source(), "1KERKzRQZSMtLdMdNI7Nkr");
}
