//! The calls that wait for their clients' answers.

use std::{collections::HashMap, time::Duration};

use crate::{Method, Principal, RpcError, Share, Timestamp, largest_holder};

/// Limits on parked calls.
#[derive(Clone, Copy, Debug)]
pub struct ParkingLimits {
    /// The maximum number of parked calls. Default: 1,000. 0 means that the host cannot park calls.
    pub most: usize,
    /// How long a call waits for answers. Default: 10 min.
    pub wait: Duration,
}

impl Default for ParkingLimits {
    fn default() -> Self {
        Self {
            most: 1000,
            wait: Duration::from_secs(600),
        }
    }
}

/// The content of a `requestState`. The transport seals it, so that only the server can create one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The number of the call.
    pub call: u64,
    /// How often the call has been parked. A ticket is valid for one round.
    pub round: u64,
    /// When the ticket expires.
    pub until: Timestamp,
}

impl Ticket {
    /// The length of an encoded ticket.
    pub const LENGTH: usize = 24;

    /// Encodes the ticket.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let parts = [self.call, self.round, self.until.0];
        for (chunk, part) in bytes.as_chunks_mut().0.iter_mut().zip(parts) {
            *chunk = part.to_be_bytes();
        }
        bytes
    }

    /// Decodes the result of [`Ticket::encode`].
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (chunks, []) = bytes.as_chunks() else {
            return None;
        };
        let [call, round, until] = *chunks else {
            return None;
        };
        Some(Self {
            call: u64::from_be_bytes(call),
            round: u64::from_be_bytes(round),
            until: Timestamp(u64::from_be_bytes(until)),
        })
    }
}

/// The caller of a parked call, and its request. Only the same caller can resume the call, with the
/// same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The caller.
    pub principal: Principal,
    /// The method of the request.
    pub method: Method,
    /// The tool, prompt or resource.
    pub subject: Option<Box<str>>,
}

/// The reason why a request cannot resume a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The seal is broken, or another user received the state.
    #[error("requestState is invalid, or belongs to another user")]
    Invalid,
    /// Another process asked: a replica, or the process before a restart.
    #[error("requestState comes from a server process that has stopped, or from another replica")]
    Elsewhere,
    /// The time for answers is over.
    #[error("requestState has expired")]
    Expired,
    /// The call was resumed before, was cancelled, or made room for another.
    #[error("the call of requestState no longer waits for answers")]
    Ended,
    /// The request differs from the one that the state belongs to.
    #[error("requestState belongs to another request")]
    OtherRequest,
}

impl ResumeError {
    /// Returns the error for the client: -32602 with the reason and the remedy.
    pub fn for_peer(self) -> RpcError {
        const AGAIN: &str = "send the request again without requestState and inputResponses";
        let reason = match self {
            Self::Invalid => "requestState is invalid, or belongs to another user",
            Self::Elsewhere => "The server process that asked has stopped, or is another replica",
            Self::Expired => "The time to answer is over",
            Self::Ended => {
                "The call no longer waits: it was already resumed or cancelled, or made room for others"
            }
            Self::OtherRequest => {
                return RpcError::invalid_params(
                    "requestState belongs to another request: repeat the method and the name of that one",
                );
            }
        };
        RpcError::invalid_params(format!("{reason}: {AGAIN}"))
    }
}

/// The calls that wait for their clients' answers. `W` is the suspended work of a call.
///
/// The number of calls is bounded. At the bound, the [`Share`] that has the most parked calls loses
/// its oldest.
#[derive(Debug)]
pub struct ParkedCalls<W> {
    limits: ParkingLimits,
    calls: HashMap<u64, Parked<W>>,
    of_share: HashMap<Share, usize>,
    next: u64,
}

#[derive(Debug)]
struct Parked<W> {
    ticket: Ticket,
    asker: Asker,
    share: Share,
    /// The order in which calls were parked.
    age: u64,
    work: W,
}

impl<W> ParkedCalls<W> {
    /// Creates a table without calls.
    pub fn new(limits: ParkingLimits) -> Self {
        Self {
            limits,
            calls: HashMap::new(),
            of_share: HashMap::new(),
            next: 0,
        }
    }

    /// Returns the limits.
    pub fn limits(&self) -> ParkingLimits {
        self.limits
    }

    /// Returns the number of parked calls.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Reports whether no call is parked.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Returns the ticket for a call that is about to be parked until `until`. `previous` is its ticket
    /// of the round before.
    pub fn ticket(&mut self, previous: Option<Ticket>, until: Timestamp) -> Ticket {
        match previous {
            Some(before) => Ticket {
                round: before.round + 1,
                until,
                ..before
            },
            None => {
                self.next += 1;
                Ticket {
                    call: self.next,
                    round: 1,
                    until,
                }
            }
        }
    }

    /// Parks a call. Returns the work of calls that made room, which the caller drops.
    pub fn park(&mut self, ticket: Ticket, asker: Asker, share: Share, work: W) -> Vec<W> {
        let mut evicted = Vec::new();
        while self.calls.len() >= self.limits.most.max(1) {
            let held = self.of_share.iter().map(|(share, held)| (share, *held));
            let Some(largest) = largest_holder(held, &share).cloned() else {
                break;
            };
            let of_largest = self.calls.values().filter(|call| call.share == largest);
            let Some(oldest) = of_largest.min_by_key(|call| call.age) else {
                break;
            };
            let oldest = oldest.ticket;
            evicted.extend(self.take(oldest.call));
        }
        self.next += 1;
        *self.of_share.entry(share.clone()).or_default() += 1;
        let parked = Parked {
            ticket,
            asker,
            share,
            age: self.next,
            work,
        };
        // A call has one ticket at a time, so its number is free.
        evicted.extend(self.calls.insert(ticket.call, parked).map(|old| old.work));
        evicted
    }

    /// Takes the work of the call that `ticket` belongs to. A ticket works once.
    ///
    /// # Errors
    /// If `asker` may not resume the call. The call then remains parked, unless it has expired.
    pub fn resume(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        asker: &Asker,
    ) -> Result<W, ResumeError> {
        if now >= ticket.until {
            return Err(ResumeError::Expired);
        }
        let parked = self.calls.get(&ticket.call).ok_or(ResumeError::Ended)?;
        if parked.asker.principal != asker.principal {
            return Err(ResumeError::Invalid);
        }
        if parked.ticket != ticket {
            return Err(ResumeError::Ended);
        }
        if parked.asker != *asker {
            return Err(ResumeError::OtherRequest);
        }
        self.take(ticket.call).ok_or(ResumeError::Ended)
    }

    /// Takes the work of a call whose time is over, if it is still in the round of `ticket`.
    pub fn expire(&mut self, now: Timestamp, ticket: Ticket) -> Option<W> {
        let parked = self.calls.get(&ticket.call)?;
        if now < ticket.until || parked.ticket != ticket {
            return None;
        }
        self.take(ticket.call)
    }

    /// Takes the work of all calls, because the server shuts down.
    pub fn clear(&mut self) -> Vec<W> {
        self.of_share.clear();
        self.calls.drain().map(|(_, call)| call.work).collect()
    }

    fn take(&mut self, call: u64) -> Option<W> {
        let parked = self.calls.remove(&call)?;
        if let Some(held) = self.of_share.get_mut(&parked.share) {
            *held -= 1;
            if *held == 0 {
                self.of_share.remove(&parked.share);
            }
        }
        Some(parked.work)
    }
}
