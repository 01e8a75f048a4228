package main

import (
	"fmt"
	"time"
)

// Group is one work, done on the same input by the library, by a floor and by
// peers.
type Group struct {
	Work        string
	Ours, Floor Item
	Peers       []Item

	// AtMost is the target for the time of ours, as a multiple of the floor's.
	// Default: none.
	AtMost float64

	// Allocs is the target for the allocations of ours. Default: none.
	Allocs limit

	// Close ends what the group has started. Default: nothing.
	Close func()
}

// items are all of them, the floor first: ratios are to it.
func (g *Group) items() []Item { return append([]Item{g.Floor, g.Ours}, g.Peers...) }

// Item is one way of doing the work of a group.
type Item struct {
	Name string

	// Run does the work n times and returns the CPU time of it, or whatever else
	// all items of the group are compared by.
	Run func(n int) (time.Duration, error)

	// Check does the work once and returns what is wrong with the outcome.
	Check func() error

	// Missing says why the item cannot be measured here, if it cannot.
	Missing string

	// Elsewhere is set for an item that works in another process, so that its
	// allocations are not known.
	Elsewhere bool

	// Slower is a target of ours: how many times as long this peer must take.
	// Default: none.
	Slower float64
}

// call makes an item of one call and a check of its outcome.
func call[T any](name string, do func() (T, error), check func(T) error) Item {
	return Item{
		Name: name,
		Run: func(n int) (time.Duration, error) {
			return cpuOf(func() error {
				for range n {
					if _, err := do(); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Check: func() error {
			got, err := do()
			if err != nil {
				return err
			}
			return check(got)
		},
	}
}

// cpuOf returns what CPU time this process has spent on something.
func cpuOf(do func() error) (time.Duration, error) {
	before := cpuTime()
	err := do()
	return cpuTime() - before, err
}

func (i Item) slower(times float64) Item {
	i.Slower = times
	return i
}

func equal[T comparable](got, want T) error {
	if got != want {
		return fmt.Errorf("got %.200q, want %.200q", fmt.Sprint(got), fmt.Sprint(want))
	}
	return nil
}

// limit is a target for allocations, which may depend on the floor's.
type limit func(floor float64) float64

func upTo(allocs float64) limit      { return func(float64) float64 { return allocs } }
func floorPlus(allocs float64) limit { return func(floor float64) float64 { return floor + allocs } }
