//! `farport chat`.

pub(crate) use crate::chat::run;
