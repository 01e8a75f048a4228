package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

const head = `| task | by | CPU time | x floor (range of 80 %) | allocations | target | reached |
|---|---|---|---|---|---|---|
`

// writeRows writes the group's rows of the table: Ours, the peers, the floor.
func writeRows(w io.Writer, g *Group, results []measured) error {
	floor, ours := results[0], results[1]
	task := g.Task
	row := func(item Item, m measured, target, reached string) error {
		_, err := fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", task, item.Name, figures(item, m, floor), target, reached)
		task = ""
		return err
	}
	target, reached := g.judge(floor, ours)
	if err := row(g.Ours, ours, target, reached); err != nil {
		return err
	}
	for i, peer := range g.Peers {
		target, reached := peer.judge(results[2+i], ours)
		if err := row(peer, results[2+i], target, reached); err != nil {
			return err
		}
	}
	return row(g.Floor, floor, "", "")
}

// figures returns the three columns with the measurements.
func figures(item Item, m, floor measured) string {
	if item.Missing != "" {
		return "skipped: " + item.Missing + " | | "
	}
	allocs := "not known"
	if !item.Elsewhere {
		allocs = fmt.Sprint(math.Round(m.allocs()))
	}
	r := ratios(m, floor)
	return fmt.Sprintf("%s | %s (%s-%s) | %s", duration(m.ns()), short(r.median), short(r.low), short(r.high), allocs)
}

// judge returns the targets of Ours, and whether they were reached.
func (g *Group) judge(floor, ours measured) (target, reached string) {
	var targets []string
	good := true
	if g.AtMost > 0 {
		targets = append(targets, "<= "+short(g.AtMost)+" x floor")
		good = ratios(ours, floor).median <= g.AtMost
	}
	if g.Allocs != nil {
		most := math.Round(g.Allocs(floor.allocs()))
		targets = append(targets, fmt.Sprintf("<= %v allocations", most))
		good = good && math.Round(ours.allocs()) <= most
	}
	return verdict(strings.Join(targets, ", "), good)
}

// judge returns how much longer this peer must take than Ours, and whether it does.
func (i Item) judge(m, ours measured) (target, reached string) {
	if i.Slower == 0 || i.Missing != "" {
		return "", ""
	}
	r := ratios(m, ours)
	return verdict(fmt.Sprintf(">= %s x ours (is %s)", short(i.Slower), short(r.median)), r.median >= i.Slower)
}

func verdict(target string, good bool) (string, string) {
	switch {
	case target == "":
		return "", ""
	case good:
		return target, "yes"
	}
	return target, "**no**"
}

// duration formats nanoseconds with three digits.
func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return short(ns) + " ns"
	case ns < 1e6:
		return short(ns/1e3) + " µs"
	}
	return short(ns/float64(time.Millisecond)) + " ms"
}

func short(f float64) string {
	switch {
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}
