//! All four cells of the era table.

use farport_core::Era;
use serde_json::json;

use super::parties::{play, questions};

pub(super) const CELLS: [(Era, Era); 4] = [
    (Era::Session, Era::Session),
    (Era::Session, Era::Modern),
    (Era::Modern, Era::Session),
    (Era::Modern, Era::Modern),
];

#[test]
fn a_call_without_questions_works_in_each_cell() {
    for (caller, server) in CELLS {
        let (pair, play) = play(caller, server, &[]);
        assert_eq!(pair.dialect.translates(), caller != server);
        assert_eq!(play.result["answers"], json!([]), "{caller:?} {server:?}");
        if caller == Era::Modern {
            assert_eq!(play.result["resultType"], "complete");
        }
        pair.empty();
    }
}

#[test]
fn each_kind_of_question_works_in_each_cell() {
    for (caller, server) in CELLS {
        for question in questions() {
            let name = format!("{caller:?} {server:?} {}", question.method);
            let question = [question];
            let (pair, play) = play(caller, server, &question);
            let [question] = question;
            assert_eq!(play.asked.len(), 1, "{name}");
            let (method, params) = &play.asked[0];
            assert_eq!(method, question.method, "{name}");
            assert_eq!(params, &question.params, "{name}");
            assert_eq!(play.result["answers"], json!([question.answer]), "{name}");
            pair.empty();
        }
    }
}

#[test]
fn one_call_asks_several_rounds_in_each_cell() {
    for (caller, server) in CELLS {
        let rounds = questions();
        let (pair, play) = play(caller, server, &rounds);
        let answers: Vec<_> = rounds.iter().map(|it| it.answer.clone()).collect();
        assert_eq!(
            play.result["answers"],
            json!(answers),
            "{caller:?} {server:?}"
        );
        pair.empty();
    }
}
