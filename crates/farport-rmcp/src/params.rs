//! Which arguments of which tool have to be repeated in headers.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use farport_core::standard_headers::ParamHeader;
use rmcp::model::{JsonObject, Tool};
use serde_json::Value;

/// Remembers the header annotations of input schemas, so that a call does not walk the schema of
/// its tool. A tool whose schema has changed is walked anew.
#[derive(Default)]
pub(crate) struct ParamCache(RwLock<HashMap<Box<str>, Entry>>);

struct Entry {
    /// Held, so that the address cannot come to mean another schema.
    schema: Arc<JsonObject>,
    params: Arc<[ParamHeader]>,
}

/// The most tools that are remembered; more are walked at each call.
const MOST: usize = 4096;

impl ParamCache {
    /// The header annotations of `tool`.
    pub(crate) fn of(&self, tool: &Tool) -> Arc<[ParamHeader]> {
        {
            let cache = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = cache.get(&*tool.name)
                && (Arc::ptr_eq(&entry.schema, &tool.input_schema)
                    || entry.schema == tool.input_schema)
            {
                return entry.params.clone();
            }
        }
        let schema = Value::Object((*tool.input_schema).clone());
        let params: Arc<[ParamHeader]> = ParamHeader::of_schema(&schema).into();
        let mut cache = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() < MOST || cache.contains_key(&*tool.name) {
            let entry = Entry {
                schema: tool.input_schema.clone(),
                params: params.clone(),
            };
            cache.insert(tool.name.as_ref().into(), entry);
        }
        params
    }
}
