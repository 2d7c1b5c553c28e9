//! The SQLite of the host, which only the host can call.

use std::{cell::Cell, sync::Arc};

use crate::error::Failure;

/// A host's SQLite database, with this program as its only writer.
pub trait Engine: Send + Sync + 'static {
    /// Runs one statement, or several without parameters. Returns the rows of the last one.
    ///
    /// # Errors
    /// The message of SQLite.
    fn run(
        &self,
        sql: &str,
        parameters: Vec<Value>,
    ) -> std::result::Result<Vec<Vec<Value>>, String>;

    /// Runs `work` as one transaction. Rolls it back when `work` returns false.
    ///
    /// # Errors
    /// The message of SQLite.
    fn transaction(&self, work: &mut dyn FnMut() -> bool) -> std::result::Result<(), String>;
}

/// The value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `NULL`.
    Null,
    /// A whole number. Hosts with floating-point numbers only keep 53 bits of it.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The host's SQLite failed.
    #[error("{0}")]
    Engine(String),
    /// The value of a column has another type.
    #[error("cannot read a column: {0}")]
    Column(String),
    /// A query returned no row.
    #[error("the query returned no row")]
    NoRow,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// A connection to the database.
pub(crate) struct Connection(Box<dyn Engine>);

impl Connection {
    pub(crate) fn over(engine: impl Engine) -> Self {
        Self(Box::new(engine))
    }

    /// Runs `work` as one transaction, which is rolled back when it fails.
    pub(crate) fn transaction<T>(
        &self,
        work: impl FnOnce(&Self) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<T, Failure> {
        let (work, done) = (Cell::new(Some(work)), Cell::new(None));
        let ran = self.0.transaction(&mut || {
            let result = work.take().map(|work| work(self));
            let succeeded = matches!(result, Some(Ok(_)));
            done.set(result);
            succeeded
        });
        match (done.take(), ran) {
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(result)), Ok(())) => Ok(result),
            (_, Err(error)) => Err(Error::Engine(error).into()),
            (None, Ok(())) => {
                Err(Error::Engine("the host did not run the transaction".to_owned()).into())
            }
        }
    }

    pub(crate) fn execute_batch(&self, sql: &str) -> Result<()> {
        self.run(sql, Vec::new()).map(drop)
    }

    /// Creates a statement. The host caches prepared statements.
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

    /// Runs the statement. Returns the number of changed rows.
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

/// Turns a missing row into `None`.
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

/// A row of a result.
pub(crate) struct Row<'a>(&'a [Value]);

impl Row<'_> {
    pub(crate) fn get<I: Column, T: FromValue>(&self, column: I) -> Result<T> {
        let column = column.index();
        let value = self.0.get(column);
        value
            .and_then(T::from_value)
            .ok_or_else(|| Error::Column(format!("column {column} has another type")))
    }
}

/// A column, by its index.
pub(crate) trait Column {
    fn index(self) -> usize;
}

impl Column for usize {
    fn index(self) -> usize {
        self
    }
}

/// A type that a column can be read as.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(*number),
            // The host returns large integers as floating-point numbers.
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

/// A type that a parameter can have.
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
        vec![$($crate::platform::ToValue::to_value(&$value)),*]
    };
}
pub(crate) use params;

/// The error for a column whose value does not parse.
pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Column(error.to_string())
}

/// Whether a row was rejected because its parent row does not exist.
pub(crate) fn is_orphan(error: &Error) -> bool {
    matches!(error, Error::Engine(text) if text.contains("FOREIGN KEY constraint failed"))
}
