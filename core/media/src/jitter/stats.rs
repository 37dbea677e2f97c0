/// What a jitter buffer has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct JitterStats {
    /// Packets of audio taken in, duplicates and latecomers too.
    pub received: u64,
    /// Packets that were not there when their turn came, and did not come later either.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that were there already.
    pub duplicates: u64,
    /// Packets thrown away because too much was waiting, or because the stream started anew.
    pub discarded: u64,
    /// Payloads that were no packets of the codec.
    pub malformed: u64,
    /// Samples played in all.
    pub played_samples: u64,
    /// Samples made up for late and lost packets, noise after long losses included.
    pub concealed_samples: u64,
    /// Samples recovered from the redundancy in the packet after a lost one.
    pub recovered_samples: u64,
    /// Samples of comfort noise in pauses and before the first packet.
    pub comfort_samples: u64,
    /// Samples taken out to reduce the delay.
    pub accelerated_samples: u64,
    /// Samples put in to increase the delay.
    pub expanded_samples: u64,
    /// Audio that waited at the last pull, in milliseconds.
    pub delay_ms: f64,
    /// Lateness that is prepared for, in milliseconds.
    pub target_ms: f64,
    /// Interarrival jitter in milliseconds (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
}

impl JitterStats {
    /// The counters of both together; what is measured at the moment, of `later`.
    #[must_use]
    pub const fn plus(&self, later: &Self) -> Self {
        Self {
            received: self.received + later.received,
            lost: self.lost + later.lost,
            late: self.late + later.late,
            duplicates: self.duplicates + later.duplicates,
            discarded: self.discarded + later.discarded,
            malformed: self.malformed + later.malformed,
            played_samples: self.played_samples + later.played_samples,
            concealed_samples: self.concealed_samples + later.concealed_samples,
            recovered_samples: self.recovered_samples + later.recovered_samples,
            comfort_samples: self.comfort_samples + later.comfort_samples,
            accelerated_samples: self.accelerated_samples + later.accelerated_samples,
            expanded_samples: self.expanded_samples + later.expanded_samples,
            ..*later
        }
    }
}
