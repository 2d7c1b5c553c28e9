//! In place of the Secret Service, on systems without it.

use crate::Error;

/// No service.
pub(crate) enum Service {}

impl Service {
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        match *self {}
    }

    pub(crate) async fn get(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, Error> {
        match *self {}
    }

    pub(crate) async fn set(&self, _: &str, _: &str, _: &str, _: &[u8]) -> Result<(), Error> {
        match *self {}
    }

    pub(crate) async fn remove(&self, _: &str, _: &str) -> Result<(), Error> {
        match *self {}
    }
}

impl From<Service> for super::Opened {
    fn from(service: Service) -> Self {
        Self::SecretService(service)
    }
}
