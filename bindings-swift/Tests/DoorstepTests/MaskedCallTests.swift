import XCTest
@testable import Doorstep
final class MaskedCallTests: XCTestCase {
    func testNothing() throws { XCTAssertEqual(1, 1) }
}
