import XCTest

@testable import DoorstepTestSupport

final class DoorstepTestSupportTests: XCTestCase {
    func testItLoads() { XCTAssertTrue(true) }
}
