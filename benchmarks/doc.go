// Command benchmarks measures the library beside its peers, and beside floors: the
// least that the same work could cost, written by hand for that work alone. It
// prints a Markdown table:
//
//	go -C benchmarks run .
//	go -C benchmarks run . -run mint -rounds 200
//
// A machine is never quiet, so times by themselves mean little, and those of the
// clock on the wall least: what counts is the CPU time of the process. All ways of
// doing a work take turns, a short while each, over many rounds; the ratios are those
// of one round, and the table has their median, and the range of the middle 80 %.
// Before that, each way has to show that what it makes is right.
//
// # To add a work
//
// A work is a [Group], made by a function that has a separate file and is in
// the list groups (main.go). A way of doing it is an [Item], for which [call] makes
// the loop and the check of what comes out:
//
//	func greeting() (*Group, error) {
//		right := func(got string) error { return equal(got, "hello, Ada") }
//		return &Group{
//			Work:   "greeting",
//			Ours:   call("chatident", func() (string, error) { return greet.Hello("Ada") }, right),
//			Floor:  call("concatenation", func() (string, error) { return "hello, " + name, nil }, right),
//			Peers:  []Item{call("fmt", sprintf, right).slower(2)}, // must take twice as long as ours
//			AtMost: 1.2,                                           // times the floor
//			Allocs: upTo(1),
//		}, nil
//	}
//
// An item with another clock, a separate loop ([cpuOf] takes its time), or many
// events in one call sets Run itself.
package main
