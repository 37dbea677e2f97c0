import XCTest

@testable import DoorstepCallKit

final class DoorstepCallKitTests: XCTestCase {
    func testItLoads() { XCTAssertTrue(true) }
}
