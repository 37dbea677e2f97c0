//! A store that knows one courier's order and everybody's bindings.

use std::time::Duration;

use super::world::{COMPANY, COURIER, CUSTOMER, ORDER};
use crate::core::{
    Binding, CallRecord, CourierId, ErrorCode, Fallback, Grant, Hidden, Lookup, LookupResult, OrderId, Route,
};
use crate::masking::E164;

pub(super) struct FakeStore {
    pub(super) up: bool,
    pub(super) open: bool,
    pub(super) otherwise: Fallback,
    pub(super) ring_time: Option<Duration>,
    pub(super) max_talk: Option<Duration>,
    pub(super) bindings: Vec<Binding>,
    pub(super) records: Vec<CallRecord>,
}

impl FakeStore {
    pub(super) fn new() -> Self {
        Self {
            up: true,
            open: true,
            otherwise: Fallback::Refuse,
            ring_time: None,
            max_talk: None,
            bindings: Vec::new(),
            records: Vec::new(),
        }
    }

    pub(super) fn grant(&self) -> Grant {
        Grant {
            order: OrderId(ORDER.into()),
            courier: CourierId::new(COURIER),
            label: Some(Hidden::new("Two pizzas, Mr. Müller".into())),
            customer: E164::parse(CUSTOMER).unwrap(),
            caller_id: E164::parse(COMPANY).unwrap(),
            ring_time: self.ring_time,
            max_talk: self.max_talk,
        }
    }

    pub(super) fn answer(&mut self, lookup: Lookup) -> LookupResult {
        if !self.up {
            return LookupResult::Unavailable;
        }
        match lookup {
            Lookup::MayCall { courier, order } => match order.0.as_str() {
                ORDER if courier.as_ref().is_some_and(|courier| courier.expose() != COURIER) => {
                    LookupResult::Refused(ErrorCode::NotYourOrder)
                }
                ORDER if !self.open => LookupResult::Refused(ErrorCode::OrderClosed),
                ORDER => LookupResult::Grant(self.grant()),
                _ => LookupResult::Refused(ErrorCode::NoSuchOrder),
            },
            Lookup::RouteIncoming { caller, called } => {
                let known = caller.is_some_and(|caller| caller.expose() == CUSTOMER)
                    && called.expose() == COMPANY
                    && self.open;
                let otherwise = self.otherwise.clone();
                LookupResult::Route(match known {
                    true => Route::Courier { grant: self.grant(), otherwise },
                    false => Route::NoOrder(otherwise),
                })
            }
            Lookup::SaveBinding(binding) => {
                let courier = binding.courier.clone();
                self.bindings.retain(|known| {
                    known.courier != courier
                        || known.contact != binding.contact
                            && (known.instance.is_none()
                                || (&known.instance, known.reg_id) != (&binding.instance, binding.reg_id))
                });
                self.bindings.push(binding);
                self.of(&courier)
            }
            Lookup::RemoveBinding { courier, contact } => {
                self.bindings.retain(|known| {
                    known.courier != courier
                        || contact.as_ref().is_some_and(|contact| known.contact != *contact)
                });
                self.of(&courier)
            }
            Lookup::LoadBindings { courier } => self.of(&courier),
            Lookup::ForgetPush { courier, contact, prid } => {
                for known in &mut self.bindings {
                    let same = known.courier == courier && known.contact == contact;
                    known.push.take_if(|push| same && push.prid == prid);
                }
                self.of(&courier)
            }
            Lookup::RecordCall(record) => {
                self.records.retain(|known| known.id != record.id);
                self.records.push(record);
                LookupResult::Recorded
            }
        }
    }

    fn of(&self, courier: &CourierId) -> LookupResult {
        LookupResult::Bindings(self.bindings.iter().filter(|b| b.courier == *courier).cloned().collect())
    }
}
