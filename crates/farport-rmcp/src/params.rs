//! The tool arguments that a client has to repeat in headers.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use farport_core::standard_headers::ParamHeader;
use rmcp::model::{JsonObject, Tool};
use serde_json::Value;

/// Caches the header annotations of input schemas, so that a call does not walk the schema of its
/// tool. A changed schema is walked again.
#[derive(Default)]
pub(crate) struct ParamCache(RwLock<HashMap<Box<str>, Entry>>);

struct Entry {
    /// Kept alive, so that no other schema can get the same address.
    schema: Arc<JsonObject>,
    params: Arc<[ParamHeader]>,
}

/// The maximum number of cached tools. The schema of any other tool is walked at each call.
const MOST: usize = 4096;

impl ParamCache {
    /// Returns the header annotations of `tool`.
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
