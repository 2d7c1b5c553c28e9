//! A SQLite that the host has, and only it can call.

use std::{cell::Cell, sync::Arc};

use crate::error::Failure;

/// A host's SQLite database, which nobody else writes to.
pub trait Engine: Send + Sync + 'static {
    /// Runs one statement, or several without parameters, and answers with the rows of the last.
    ///
    /// # Errors
    /// With what SQLite says.
    fn run(
        &self,
        sql: &str,
        parameters: Vec<Value>,
    ) -> std::result::Result<Vec<Vec<Value>>, String>;

    /// Runs `work` as one transaction, which is rolled back when it answers false.
    ///
    /// # Errors
    /// With what SQLite says.
    fn transaction(&self, work: &mut dyn FnMut() -> bool) -> std::result::Result<(), String>;
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number. Hosts that count in floating point have 53 bits of it.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The host's SQLite says so.
    #[error("{0}")]
    Engine(String),
    /// What stands in a column is not what was expected there.
    #[error("a column cannot be read: {0}")]
    Column(String),
    /// There is no row where one was asked for.
    #[error("there is no such row")]
    NoRow,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// A connection to it.
pub(crate) struct Connection(Box<dyn Engine>);

impl Connection {
    pub(crate) fn over(engine: impl Engine) -> Self {
        Self(Box::new(engine))
    }

    /// Does `work` all, or, if it fails, not at all.
    pub(crate) fn transaction<T>(
        &self,
        work: impl FnOnce(&Self) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<T, Failure> {
        let (work, done) = (Cell::new(Some(work)), Cell::new(None));
        let ran = self.0.transaction(&mut || {
            let answer = work.take().map(|work| work(self));
            let good = matches!(answer, Some(Ok(_)));
            done.set(answer);
            good
        });
        match (done.take(), ran) {
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(answer)), Ok(())) => Ok(answer),
            (_, Err(error)) => Err(Error::Engine(error).into()),
            (None, Ok(())) => Err(Error::Engine("a transaction was not run".to_owned()).into()),
        }
    }

    pub(crate) fn execute_batch(&self, sql: &str) -> Result<()> {
        self.run(sql, Vec::new()).map(drop)
    }

    /// The host keeps what it has prepared.
    pub(crate) fn prepare_cached<'a>(&'a self, sql: &'a str) -> Result<Statement<'a>> {
        Ok(Statement {
            connection: self,
            sql,
        })
    }

    fn run(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>> {
        self.0.run(sql, parameters).map_err(Error::Engine)
    }
}

/// A statement.
pub(crate) struct Statement<'a> {
    connection: &'a Connection,
    sql: &'a str,
}

impl Statement<'_> {
    fn run(&mut self, parameters: impl Params) -> Result<Vec<Vec<Value>>> {
        self.connection.run(self.sql, parameters.values())
    }

    /// How many rows it has changed.
    pub(crate) fn execute(&mut self, parameters: impl Params) -> Result<usize> {
        self.run(parameters)?;
        let changed = self.connection.run("SELECT changes()", Vec::new())?;
        let changed = changed.first().map(|row| Row(row).get::<_, i64>(0));
        Ok(usize::try_from(changed.transpose()?.unwrap_or(0)).unwrap_or(0))
    }

    pub(crate) fn exists(&mut self, parameters: impl Params) -> Result<bool> {
        Ok(!self.run(parameters)?.is_empty())
    }

    pub(crate) fn query_row<T>(
        &mut self,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let rows = self.run(parameters)?;
        read(&Row(rows.first().ok_or(Error::NoRow)?))
    }

    pub(crate) fn query_map<T>(
        &mut self,
        parameters: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<impl Iterator<Item = Result<T>>> {
        let rows = self.run(parameters)?;
        Ok(rows.into_iter().map(move |row| read(&Row(&row))))
    }
}

/// A row without which it goes as well.
pub(crate) trait OptionalExtension<T> {
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(row) => Ok(Some(row)),
            Err(Error::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A row of an answer.
pub(crate) struct Row<'a>(&'a [Value]);

impl Row<'_> {
    pub(crate) fn get<I: Column, T: FromValue>(&self, column: I) -> Result<T> {
        let column = column.place();
        let value = self.0.get(column);
        value
            .and_then(T::from_value)
            .ok_or_else(|| Error::Column(format!("column {column} holds something else")))
    }
}

/// What a column can be named by: its place.
pub(crate) trait Column {
    fn place(self) -> usize;
}

impl Column for usize {
    fn place(self) -> usize {
        self
    }
}

/// What a column can be read as.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(*number),
            // Beyond what a host's numbers have whole.
            Value::Real(number) if number.fract() == 0.0 => Some(*number as i64),
            _ => None,
        }
    }
}

impl FromValue for u32 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromValue for Arc<str> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.as_str().into()),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// What a column can be written from.
pub(crate) trait ToValue {
    fn to_value(&self) -> Value;
}

impl ToValue for i64 {
    fn to_value(&self) -> Value {
        Value::Integer(*self)
    }
}

impl ToValue for u32 {
    fn to_value(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl ToValue for std::borrow::Cow<'_, str> {
    fn to_value(&self) -> Value {
        Value::Text(self.as_ref().to_owned())
    }
}

impl ToValue for Arc<str> {
    fn to_value(&self) -> Value {
        Value::Text(self.as_ref().to_owned())
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value {
        Value::Blob(self.to_vec())
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value {
        Value::Blob(self.clone())
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> Value {
        Value::Blob(self.to_vec())
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

/// The parameters of a statement.
pub(crate) trait Params {
    fn values(self) -> Vec<Value>;
}

impl Params for () {
    fn values(self) -> Vec<Value> {
        Vec::new()
    }
}

impl Params for Vec<Value> {
    fn values(self) -> Vec<Value> {
        self
    }
}

impl<T: ToValue, const N: usize> Params for [T; N] {
    fn values(self) -> Vec<Value> {
        self.iter().map(ToValue::to_value).collect()
    }
}

impl<A: ToValue, B: ToValue> Params for (A, B) {
    fn values(self) -> Vec<Value> {
        vec![self.0.to_value(), self.1.to_value()]
    }
}

impl<A: ToValue, B: ToValue, C: ToValue> Params for (A, B, C) {
    fn values(self) -> Vec<Value> {
        vec![self.0.to_value(), self.1.to_value(), self.2.to_value()]
    }
}

macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::sql::ToValue::to_value(&$value)),*]
    };
}
pub(crate) use params;
