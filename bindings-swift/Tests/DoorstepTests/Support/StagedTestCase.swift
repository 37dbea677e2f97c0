import XCTest

/// Tests that play on a ``Stage``, which is taken down after each.
class StagedTestCase: XCTestCase {
    private var stages: [Stage] = []

    func stage(withPush: Bool = false) async throws -> Stage {
        let stage = try await Stage.open(withPush: withPush)
        stages.append(stage)
        return stage
    }

    override func tearDown() {
        for stage in stages { stage.stop() }
        stages = []
        super.tearDown()
    }
}

/// It throws exactly this.
func assertThrows<Failure: Error & Equatable, Value>(
    _ expected: Failure, file: StaticString = #filePath, line: UInt = #line, _ body: () async throws -> Value
) async {
    do {
        _ = try await body()
        XCTFail("nothing was thrown", file: file, line: line)
    } catch let error as Failure {
        XCTAssertEqual(error, expected, file: file, line: line)
    } catch {
        XCTFail("\(error) was thrown", file: file, line: line)
    }
}
