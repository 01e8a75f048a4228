package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"
)

// sample is what one item took in one round, for one operation.
type sample struct{ ns, allocs float64 }

// measured are an item's samples, one for each round; none when it is missing.
type measured []sample

// measure checks all items of the group, then lets them take turns, in another order
// in each round: none stands always behind the same one.
func measure(g *Group, rounds int, each time.Duration) ([]measured, error) {
	items := g.items()
	counts := make([]int, len(items))
	for i, item := range items {
		if item.Missing != "" {
			continue
		}
		if err := item.Check(); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", g.Work, item.Name, err)
		}
		var err error
		if counts[i], err = calibrate(item, each); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", g.Work, item.Name, err)
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
				return nil, fmt.Errorf("%s, %s: %w", g.Work, items[i].Name, err)
			}
			results[i] = append(results[i], s)
		}
	}
	return results, nil
}

// calibrate returns how often an item is to be run in a round, so that this takes
// about as long as is wanted.
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

// turn runs an item n times, beginning without the garbage of the one before.
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
