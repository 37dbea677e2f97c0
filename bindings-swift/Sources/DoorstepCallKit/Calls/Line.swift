// One call on the system's screen.

import Foundation

/// One call that the system was told of: what it was told, and the core's call behind it.
@MainActor final class Line {
    /// How far the system has followed.
    enum Shown {
        /// Reported; it rings.
        case ringing
        /// The app has asked for it; the system has not agreed yet.
        case asked
        /// The system shows a call that is being made.
        case dialling
        /// The system shows a call that is answered.
        case talking
    }

    /// The system's name for it.
    let id: UUID
    /// The core's call; nil: a push has announced it, and the core has not said what it makes of it.
    var call: CoreCall?
    var shown: Shown
    var face: CallFace
    var isMuted = false
    var isHeld = false
    /// Of the newest answer: whether the core still has to take it.
    var answer: SystemAction?
    /// Declined, or refused by the system, before the core knew the call: it will be declined then.
    var isUnwanted = false
    /// The system shows it no more.
    var isOffScreen = false
    /// What the app has asked of the system, or the system of the app, and is not done: nothing is asked twice.
    var underWay: Set<Errand> = []
    /// Rings when it has rung, or has been connecting, for too long.
    var watchdog: Alarm?

    init(id: UUID, shown: Shown, face: CallFace) {
        self.id = id
        self.shown = shown
        self.face = face
    }
}

/// What may be under way for a line, at most once.
enum Errand: Hashable {
    case answer
    case end
    case hold
    case mute
}
