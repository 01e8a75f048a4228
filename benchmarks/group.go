package main

import (
	"fmt"
	"time"
)

// Group is one task, with the same input for the library, the floor and the peers.
type Group struct {
	Task        string
	Ours, Floor Item
	Peers       []Item

	// AtMost is the target for the time of Ours, as a multiple of the floor's. Default: no
	// target.
	AtMost float64

	// Allocs is the target for the allocations of Ours. Default: no target.
	Allocs limit

	// Close, if non-nil, ends what the group has started.
	Close func()
}

// items returns all items: first the floor, which the ratios refer to, then Ours.
func (g *Group) items() []Item { return append([]Item{g.Floor, g.Ours}, g.Peers...) }

// Item is one implementation of a task.
type Item struct {
	Name string

	// Run performs the task n times and returns the CPU time, or whatever other duration all
	// items of the group are compared by.
	Run func(n int) (time.Duration, error)

	// Check performs the task once and returns an error if the result is wrong.
	Check func() error

	// Missing is the reason why the item cannot be measured here, or empty.
	Missing string

	// Elsewhere is set for an item that runs in another process. Its allocations are not
	// known.
	Elsewhere bool

	// Slower is a target of Ours: this peer must take at least so many times as long.
	// Default: no target.
	Slower float64
}

// call returns an item that calls a function, and checks its result.
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

// cpuOf returns the CPU time that this process has used for do.
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
