package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"
)

// sample has the figures of one item for one operation, measured in one round.
type sample struct{ ns, allocs float64 }

// measured has the samples of an item, one for each round. It is empty if the item is missing.
type measured []sample

// measure checks all items of the group, and then lets them take turns. Each round has
// another order, so that no item always runs after the same one.
func measure(g *Group, rounds int, each time.Duration) ([]measured, error) {
	items := g.items()
	counts := make([]int, len(items))
	for i, item := range items {
		if item.Missing != "" {
			continue
		}
		if err := item.Check(); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", g.Task, item.Name, err)
		}
		var err error
		if counts[i], err = calibrate(item, each); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", g.Task, item.Name, err)
		}
	}
	results := make([]measured, len(items))
	for range rounds {
		for _, i := range rand.Perm(len(items)) {
			if counts[i] == 0 {
				continue
			}
			s, err := turn(items[i], counts[i])
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", g.Task, items[i].Name, err)
			}
			results[i] = append(results[i], s)
		}
	}
	return results, nil
}

// calibrate returns how often to run an item in a round, so that its turn takes about each.
func calibrate(item Item, each time.Duration) (int, error) {
	for n := 1; ; n *= 2 {
		took, err := item.Run(n)
		if err != nil {
			return 0, err
		}
		if took > each/2 {
			return max(1, int(float64(n)*float64(each)/float64(took))), nil
		}
	}
}

// turn collects the garbage of the previous item, and runs this one n times.
func turn(item Item, n int) (sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := item.Run(n)
	runtime.ReadMemStats(&after)
	return sample{
		ns:     float64(took) / float64(n),
		allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
	}, err
}
