// Command benchmarks compares the library with its peers and with floors: the same task,
// written by hand for that purpose only and without checks. It prints a Markdown table:
//
//	go -C benchmarks run .
//	go -C benchmarks run . -run mint -rounds 200
//
// The load of a machine changes, so the command measures the CPU time of the process, and
// compares ratios rather than times. All implementations of a task take short turns in many
// rounds. Each ratio is computed within a round. The table has the median of these ratios
// and the range of the middle 80 %. Before the rounds, the result of each implementation is
// checked.
//
// # To add a task
//
// A task is a [Group]. A function in a file of the task's name returns it, and is in the
// list groups (main.go). Each implementation is an [Item]. [call] returns the Item of a
// function and a check of its result:
//
//	func greeting() (*Group, error) {
//		right := func(got string) error { return equal(got, "hello, Ada") }
//		return &Group{
//			Task:   "greeting",
//			Ours:   call("chatident", func() (string, error) { return greet.Hello("Ada") }, right),
//			Floor:  call("concatenation", func() (string, error) { return "hello, " + name, nil }, right),
//			Peers:  []Item{call("fmt", sprintf, right).slower(2)}, // must take at least twice our time
//			AtMost: 1.2,                                           // times the floor
//			Allocs: upTo(1),
//		}, nil
//	}
//
// An Item that is not measured by CPU time, or handles many events in one call, sets Run
// itself.
package main
