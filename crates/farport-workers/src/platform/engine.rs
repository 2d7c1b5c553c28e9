//! The SQLite database of a Durable Object.

use farport_store::{Engine, Value};
use js_sys::Function;
use wasm_bindgen::{JsCast, JsValue, closure::ScopedClosure};
use worker::{SqlStorage, SqlStorageValue, State};

/// The SQLite database of an object.
pub(crate) struct ObjectSql {
    sql: SqlStorage,
    storage: JsValue,
}

/// A Worker has one thread, so nothing is sent to another.
type Shared = worker::send::SendWrapper<ObjectSql>;

/// Returns the engine of a store in the object of `state`.
pub(crate) fn engine(state: &State) -> SharedSql {
    let storage = js_sys::Reflect::get(state.as_raw(), &"storage".into());
    SharedSql(worker::send::SendWrapper::new(ObjectSql {
        sql: state.storage().sql(),
        storage: storage.unwrap_or(JsValue::UNDEFINED),
    }))
}

pub(crate) struct SharedSql(Shared);

/// The largest integer that JavaScript represents exactly.
const LARGEST: i64 = (1 << 53) - 1;

fn bound(value: Value) -> SqlStorageValue {
    match value {
        Value::Null => SqlStorageValue::Null,
        // A larger number becomes the largest: it stands for a time that never comes.
        Value::Integer(number) => SqlStorageValue::Integer(number.clamp(-LARGEST, LARGEST)),
        Value::Real(number) => SqlStorageValue::Float(number),
        Value::Text(text) => SqlStorageValue::String(text),
        Value::Blob(bytes) => SqlStorageValue::Blob(bytes),
    }
}

fn read(value: SqlStorageValue) -> Value {
    match value {
        SqlStorageValue::Null => Value::Null,
        SqlStorageValue::Boolean(truth) => Value::Integer(truth.into()),
        SqlStorageValue::Integer(number) => Value::Integer(number),
        SqlStorageValue::Float(number) => Value::Real(number),
        SqlStorageValue::String(text) => Value::Text(text),
        SqlStorageValue::Blob(bytes) => Value::Blob(bytes),
    }
}

impl Engine for SharedSql {
    fn run(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, String> {
        let bindings: Vec<_> = parameters.into_iter().map(bound).collect();
        let cursor = self.0.sql.exec(sql, bindings);
        let cursor = cursor.map_err(|error| error.to_string())?;
        let rows = cursor.raw().map(|row| {
            let row = row.map_err(|error| error.to_string())?;
            Ok(row.into_iter().map(read).collect())
        });
        rows.collect()
    }

    fn transaction(&self, work: &mut dyn FnMut() -> bool) -> Result<(), String> {
        let failed = |error: JsValue| format!("{error:?}");
        let run = js_sys::Reflect::get(&self.0.storage, &"transactionSync".into());
        let run: Function = run.and_then(JsCast::dyn_into).map_err(failed)?;
        let mut good = false;
        let mut once = || -> Result<(), JsValue> {
            good = work();
            // An exception rolls the transaction back, and the caller receives it.
            if good { Ok(()) } else { Err(JsValue::NULL) }
        };
        let ran = {
            let once: ScopedClosure<'_, dyn FnMut() -> Result<(), JsValue>> =
                ScopedClosure::borrow_mut_assert_unwind_safe(&mut once);
            run.call1(&self.0.storage, once.as_ref())
        };
        match ran {
            Err(error) if good => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

/// Whether the object's database has its tables.
pub(crate) fn has_layout(state: &State) -> bool {
    let found = engine(state).run(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'layout'",
        Vec::new(),
    );
    found.is_ok_and(|rows| !rows.is_empty())
}
