//! Which carriers can be called now: whether there is a way to each, and whether it answers.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::core::{CarrierId, FlowId};

/// A carrier as those see it who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierState {
    /// Its name in the configuration.
    pub name: String,
    /// Whether a call would be offered to it.
    pub up: bool,
}

/// The driver's own view, told on to whoever holds the other end.
#[derive(Debug)]
pub(super) struct Carriers {
    /// By preference.
    names: Vec<CarrierId>,
    by_name: BTreeMap<CarrierId, Carrier>,
    told: watch::Sender<Vec<CarrierState>>,
}

#[derive(Debug)]
struct Carrier {
    /// The flow that our requests go out on.
    flow: Option<FlowId>,
    /// What the core last said of it.
    well: bool,
}

impl Carriers {
    pub(super) fn new(names: Vec<CarrierId>, told: watch::Sender<Vec<CarrierState>>) -> Self {
        let by_name = names.iter().map(|name| (name.clone(), Carrier { flow: None, well: true })).collect();
        let carriers = Self { names, by_name, told };
        carriers.tell();
        carriers
    }

    /// A flow is there, or is now one of another kind.
    pub(super) fn opened(&mut self, name: &CarrierId, flow: FlowId, outbound: bool) {
        let Some(carrier) = self.by_name.get_mut(name) else { return };
        if outbound {
            carrier.flow = Some(flow);
        } else if carrier.flow == Some(flow) {
            carrier.flow = None;
        }
        self.tell();
    }

    /// A flow of the trunk is gone.
    pub(super) fn closed(&mut self, flow: FlowId) {
        for carrier in self.by_name.values_mut() {
            carrier.flow.take_if(|own| *own == flow);
        }
        self.tell();
    }

    /// The core has found out that it answers, or does not.
    pub(super) fn judged(&mut self, name: &CarrierId, well: bool) {
        if let Some(carrier) = self.by_name.get_mut(name) {
            carrier.well = well;
        }
        self.tell();
    }

    fn tell(&self) {
        let states: Vec<CarrierState> = self
            .names
            .iter()
            .filter_map(|name| {
                let carrier = self.by_name.get(name)?;
                Some(CarrierState { name: name.0.clone(), up: carrier.flow.is_some() && carrier.well })
            })
            .collect();
        let number = |up: bool| if up { 1.0 } else { 0.0 };
        for state in &states {
            metrics::gauge!("doorstep_carrier_up", "carrier" => state.name.clone()).set(number(state.up));
        }
        metrics::gauge!("doorstep_trunk_up").set(number(states.iter().any(|state| state.up)));
        self.told.send_replace(states);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_is_up_with_a_flow_and_an_answer() {
        let (told, states) = watch::channel(Vec::new());
        let (first, second) = (CarrierId("first".into()), CarrierId("second".into()));
        let mut carriers = Carriers::new(vec![first.clone(), second.clone()], told);
        let up = || states.borrow().iter().map(|state| state.up).collect::<Vec<_>>();
        assert_eq!(up(), [false, false]);
        carriers.opened(&second, FlowId(2), true);
        carriers.opened(&first, FlowId(1), false);
        assert_eq!(up(), [false, true]);
        carriers.opened(&first, FlowId(1), true);
        carriers.judged(&second, false);
        assert_eq!(up(), [true, false]);
        carriers.closed(FlowId(1));
        carriers.judged(&second, true);
        assert_eq!(up(), [false, true]);
        carriers.opened(&second, FlowId(2), false);
        assert_eq!(up(), [false, false]);
    }
}
