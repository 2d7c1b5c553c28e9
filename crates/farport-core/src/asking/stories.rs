//! Stories of calls that ask their clients, on a virtual clock.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use super::*;
use crate::{Method, Outcome, Principal, RawJson, ReplyTo, Share, Timestamp, Undeliverable};

/// A handler that records the answers that reach it.
#[derive(Default)]
struct Handler(Mutex<Vec<(i64, String)>>);

impl ReplyTo for Handler {
    fn reply(&self, local: i64, outcome: Outcome) {
        let text = match outcome {
            Outcome::Result(result) => format!("{result:?}"),
            Outcome::Error(error) => format!("error {error:?}"),
        };
        self.0.lock().unwrap().push((local, text));
    }

    fn progress(&self, _: i64, _: RawJson) {}
}

/// A server with its clock, and the questions of one call as the work of parked calls.
struct Story {
    now: Timestamp,
    parked: ParkedCalls<Call>,
    handler: Arc<Handler>,
}

#[derive(Debug)]
struct Call {
    questions: Questions,
    ticket: Option<Ticket>,
}

fn asker(user: &str) -> Asker {
    Asker {
        principal: Principal::user("https://id.example", user),
        method: Method::ToolsCall,
        subject: Some("delete".into()),
    }
}

impl Story {
    fn new(most: usize) -> Self {
        Self {
            now: Timestamp(1_000_000),
            parked: ParkedCalls::new(ParkingLimits {
                most,
                wait: Duration::from_secs(600),
            }),
            handler: Arc::default(),
        }
    }

    fn call(&self) -> Call {
        Call {
            questions: Questions::default(),
            ticket: None,
        }
    }

    fn ask(&self, call: &mut Call, local: i64, method: &str, params: Value) {
        call.questions.expect(local, self.handler.clone()).unwrap();
        let params = params.to_string();
        let answer = call.questions.ask(local, method, Some(&params)).unwrap();
        if let Some(answer) = answer {
            answer.deliver();
        }
    }

    fn elicit(&self, call: &mut Call, local: i64) {
        let params = json!({ "message": "?", "_meta": { "progressToken": local } });
        self.ask(call, local, "elicitation/create", params);
    }

    /// Parks a call of `user`. Returns the client's ticket and the number of calls that made room.
    fn park(&mut self, user: &str, mut call: Call) -> (Ticket, usize) {
        let until = self.now.after(self.parked.limits().wait);
        let until = call.questions.deadline(until);
        let ticket = self.parked.ticket(call.ticket, until);
        call.ticket = Some(ticket);
        let share = Share::named(user);
        let evicted = self.parked.park(ticket, asker(user), share, call);
        (ticket, evicted.len())
    }

    fn resume(&mut self, user: &str, ticket: Ticket, answers: Value) -> Result<Call, ResumeError> {
        let mut call = self.parked.resume(self.now, ticket, &asker(user))?;
        let answers = RawJson::from(answers.to_string());
        for answer in call.questions.answer(Some(&answers)) {
            answer.deliver();
        }
        Ok(call)
    }

    fn wait(&mut self, secs: u64) {
        self.now = self.now.after(Duration::from_secs(secs));
    }

    fn heard(&self) -> Vec<i64> {
        let heard = self.handler.0.lock().unwrap();
        heard.iter().map(|(local, _)| *local).collect()
    }
}

fn yes() -> Value {
    json!({ "action": "accept", "content": { "sure": true } })
}

#[test]
fn a_question_is_answered() {
    let mut story = Story::new(10);
    let mut call = story.call();
    story.elicit(&mut call, 0);
    assert_eq!(
        Value::Object(call.questions.requests()),
        json!({ "question-1": { "method": "elicitation/create", "params": { "message": "?" } } })
    );
    let (ticket, _) = story.park("ann", call);
    story.wait(599);
    let call = story
        .resume("ann", ticket, json!({ "question-1": yes() }))
        .unwrap();
    assert!(!call.questions.is_open());
    assert_eq!(*story.handler.0.lock().unwrap(), [(0, yes().to_string())]);
    assert!(story.parked.is_empty());
}

#[test]
fn each_of_several_questions_in_a_row_has_its_own_time() {
    let mut story = Story::new(10);
    let mut call = story.call();
    for round in 0..3 {
        story.elicit(&mut call, round);
        let (ticket, _) = story.park("ann", call);
        story.wait(500);
        let key = format!("question-{}", round + 1);
        call = story
            .resume("ann", ticket, json!({ (key): yes() }))
            .unwrap();
    }
    assert_eq!(story.heard(), [0, 1, 2]);
}

#[test]
fn parallel_questions_are_one_round() {
    let mut story = Story::new(10);
    let mut call = story.call();
    story.elicit(&mut call, 0);
    story.ask(
        &mut call,
        1,
        "roots/list",
        json!({ "_meta": { "progressToken": 1 } }),
    );
    let params = json!({ "messages": [], "maxTokens": 1 });
    story.ask(&mut call, 2, "sampling/createMessage", params);
    let requests = Value::Object(call.questions.requests());
    assert_eq!(requests["question-2"], json!({ "method": "roots/list" }));
    let (ticket, _) = story.park("ann", call);
    let answers = json!({
        "question-1": { "action": "decline" },
        "question-2": { "roots": [] },
        "question-3": { "role": "assistant", "model": "m", "content": { "type": "text", "text": "x" } },
    });
    let call = story.resume("ann", ticket, answers).unwrap();
    assert!(!call.questions.is_open());
    assert_eq!(story.heard(), [0, 1, 2]);
}

#[test]
fn a_question_without_a_valid_answer_is_asked_again_and_gains_no_time() {
    let mut story = Story::new(10);
    let mut call = story.call();
    story.elicit(&mut call, 0);
    story.elicit(&mut call, 1);
    let (mut ticket, _) = story.park("ann", call);
    for answers in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "other": yes() }),
        json!({ "question-1": 1 }),
        json!({ "question-1": {} }),
        json!({ "question-1": { "action": "maybe" } }),
        json!({ "question-1": { "action": "accept", "content": 1 } }),
    ] {
        story.wait(10);
        let call = story.resume("ann", ticket, answers).unwrap();
        assert_eq!(call.questions.requests().len(), 2);
        let (next, _) = story.park("ann", call);
        assert_eq!(next.until, ticket.until);
        ticket = next;
    }
    let call = story
        .resume("ann", ticket, json!({ "question-2": yes() }))
        .unwrap();
    assert_eq!(story.heard(), [1]);
    let (ticket, _) = story.park("ann", call);
    story
        .resume("ann", ticket, json!({ "question-1": yes() }))
        .unwrap();
    assert_eq!(story.heard(), [1, 0]);
}

#[test]
fn a_late_client_gets_nothing() {
    let mut story = Story::new(10);
    let mut call = story.call();
    story.elicit(&mut call, 0);
    let (ticket, _) = story.park("ann", call);
    story.wait(599);
    assert!(story.parked.expire(story.now, ticket).is_none());
    story.wait(1);
    let refused = story.resume("ann", ticket, json!({ "question-1": yes() }));
    assert_eq!(refused.unwrap_err(), ResumeError::Expired);
    assert!(story.parked.expire(story.now, ticket).is_some());
    assert!(story.parked.is_empty() && story.heard().is_empty());
}

#[test]
fn another_user_or_request_leaves_the_call_parked() {
    let mut story = Story::new(10);
    let mut call = story.call();
    story.elicit(&mut call, 0);
    let (ticket, _) = story.park("ann", call);
    let answers = json!({ "question-1": yes() });
    let refused = story.resume("bob", ticket, answers.clone());
    assert_eq!(refused.unwrap_err(), ResumeError::Invalid);
    let other = Asker {
        subject: Some("add".into()),
        ..asker("ann")
    };
    let refused = story.parked.resume(story.now, ticket, &other);
    assert_eq!(refused.unwrap_err(), ResumeError::OtherRequest);
    assert!(story.resume("ann", ticket, answers).is_ok());
}

#[test]
fn a_ticket_works_once() {
    let mut story = Story::new(10);
    let mut call = story.call();
    story.elicit(&mut call, 0);
    let (first, _) = story.park("ann", call);
    let mut call = story
        .resume("ann", first, json!({ "question-1": yes() }))
        .unwrap();
    let again = |story: &mut Story| {
        let refused = story.resume("ann", first, json!({ "question-1": yes() }));
        assert_eq!(refused.unwrap_err(), ResumeError::Ended);
    };
    again(&mut story);
    // Also while the same call waits for its next answer, and an old timer takes nothing.
    story.elicit(&mut call, 1);
    let (second, _) = story.park("ann", call);
    again(&mut story);
    assert!(story.parked.expire(first.until, first).is_none());
    assert!(
        story
            .resume("ann", second, json!({ "question-2": yes() }))
            .is_ok()
    );
    assert_eq!(story.heard(), [0, 1]);
}

#[test]
fn a_question_that_the_handler_withdraws_is_closed() {
    let mut story = Story::new(10);
    let mut call = story.call();
    story.elicit(&mut call, 0);
    story.elicit(&mut call, 1);
    call.questions.withdraw(0);
    let (ticket, _) = story.park("ann", call);
    let answers = json!({ "question-1": yes(), "question-2": yes() });
    story.resume("ann", ticket, answers).unwrap();
    assert_eq!(story.heard(), [1]);
}

#[test]
fn only_a_named_question_accepts_an_answer_that_came_before_it() {
    let story = Story::new(10);
    let mut call = story.call();
    let answers = json!({ "sure": yes(), "question-2": yes(), "bad": { "action": 1 } });
    call.questions.offer(&RawJson::from(answers.to_string()));
    let named = |name: &str| json!({ "message": "?", "_meta": { (Questions::NAME): name } });
    story.ask(&mut call, 0, "elicitation/create", named("sure"));
    assert_eq!(story.heard(), [0]);
    // It is used once, and numbered questions, taken and long names and malformed answers count as none.
    story.elicit(&mut call, 1);
    for (local, name) in ["sure", "sure", "bad", "", &"x".repeat(65)]
        .into_iter()
        .enumerate()
    {
        story.ask(
            &mut call,
            local as i64 + 2,
            "elicitation/create",
            named(name),
        );
    }
    assert_eq!(story.heard(), [0]);
    let requests = call.questions.requests();
    let keys: Vec<_> = requests.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "bad",
            "question-2",
            "question-4",
            "question-6",
            "question-7",
            "sure"
        ]
    );
    assert_eq!(requests["sure"]["params"], json!({ "message": "?" }));
}

#[test]
fn at_the_limit_the_user_with_the_most_calls_makes_room() {
    let mut story = Story::new(4);
    let park = |story: &mut Story, user: &str| {
        let mut call = story.call();
        story.elicit(&mut call, 0);
        story.park(user, call)
    };
    let (of_ann, _) = park(&mut story, "ann");
    let of_bob: Vec<_> = (0..20).map(|_| park(&mut story, "bob")).collect();
    assert_eq!(of_bob.iter().map(|(_, evicted)| evicted).sum::<usize>(), 17);
    assert_eq!(story.parked.len(), 4);
    let answers = json!({ "question-1": yes() });
    for (index, (ticket, _)) in of_bob.into_iter().enumerate() {
        let resumed = story.resume("bob", ticket, answers.clone());
        assert_eq!(resumed.is_ok(), index >= 17, "{index}");
    }
    assert!(story.resume("ann", of_ann, answers).is_ok());
}

#[test]
fn one_call_has_a_bounded_number_and_size_of_questions() {
    let story = Story::new(1);
    let mut call = story.call();
    for local in 0..Questions::MOST as i64 {
        story.elicit(&mut call, local);
    }
    let refused = call.questions.expect(99, story.handler.clone());
    assert_eq!(refused, Err(Undeliverable::TooManyRequests));
    call.questions.withdraw(0);
    call.questions.expect(99, story.handler.clone()).unwrap();
    let large = format!("{{\"message\":\"{}\"}}", "x".repeat(Questions::MOST_BYTES));
    let refused = call.questions.ask(99, "elicitation/create", Some(&large));
    assert_eq!(refused.unwrap_err(), Undeliverable::TooManyRequests);
}

#[test]
fn a_ticket_is_decoded_as_it_was_encoded() {
    let ticket = Ticket {
        call: 7,
        round: u64::MAX,
        until: Timestamp(1_700_000_000_000),
    };
    assert_eq!(Ticket::decode(&ticket.encode()), Some(ticket));
    for length in [0, 8, 23, 25, 32] {
        assert_eq!(Ticket::decode(&vec![0; length]), None, "{length}");
    }
}
