internal import DoorstepCore

/// A courier's end of the line.
public final class Doorstep: Sendable {
    let client: DoorstepCore.Client
    init(client: DoorstepCore.Client) { self.client = client }
    func x() -> String { DoorstepCore.endReasonText(reason: .busy) }
}
