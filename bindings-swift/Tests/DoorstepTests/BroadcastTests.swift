import XCTest

@testable import Doorstep

/// Streams: bounded, in order, and gone when nobody reads.
final class BroadcastTests: XCTestCase {
    func testAStateStreamBeginsWithWhatIsNow() async {
        let states = Broadcast("a")
        states.send("b")
        var stream = states.stream().makeAsyncIterator()
        states.send("c")
        let read = [await stream.next(), await stream.next()]
        XCTAssertEqual(read, ["b", "c"])
    }

    func testAnEventStreamTellsOnlyWhatComes() async {
        let events = Broadcast<Int>(repeatsLatest: false)
        events.send(1)
        var stream = events.stream().makeAsyncIterator()
        events.send(2)
        let read = await stream.next()
        XCTAssertEqual(read, 2)
    }

    func testASlowReaderMissesTheOldestAndNeverTheLast() async {
        let states = Broadcast(0)
        let stream = states.stream()
        for number in 1...1000 { states.send(number) }
        states.finish()
        var read: [Int] = []
        for await number in stream { read.append(number) }
        XCTAssertEqual(read, Array(969...1000))
    }

    func testAfterTheEndAStreamTellsTheLastAndEnds() async {
        let states = Broadcast("a")
        states.finish()
        states.send("b")
        var read: [String] = []
        for await state in states.stream() { read.append(state) }
        XCTAssertEqual(read, ["a"])
        XCTAssertEqual(states.readers, 0)
    }

    func testAStreamThatIsLetGoOfIsForgotten() {
        let states = Broadcast(0)
        _ = states.stream()
        XCTAssertEqual(states.readers, 0)
    }

    func testManyThreadsMayTellAndReadAtOnce() async {
        let states = Broadcast(0)
        await withTaskGroup(of: Void.self) { group in
            for reader in 0..<8 {
                group.addTask {
                    var last = -1
                    for await number in states.stream() {
                        XCTAssertGreaterThanOrEqual(number, last, "reader \(reader)")
                        last = number
                        if number == 500 { break }
                    }
                }
            }
            group.addTask {
                for number in 1...500 { states.send(number) }
            }
        }
        XCTAssertEqual(states.value, 500)
    }
}
