package main

import (
	"errors"
	"log"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The service tasks start this test binary as their other process.
func TestMain(m *testing.M) {
	if os.Getenv(serviceVar) == "" {
		os.Exit(m.Run())
	}
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func TestGroups_ItemsPassTheirChecks(t *testing.T) {
	for _, group := range groups {
		g, err := group()
		require.NoError(t, err)
		t.Run(g.Task, func(t *testing.T) {
			if g.Close != nil {
				defer g.Close()
			}
			for _, item := range g.items() {
				if item.Missing == "" {
					require.NoError(t, item.Check(), item.Name)
				}
			}
		})
	}
}

func TestRun_MeasuresWhatMatches(t *testing.T) {
	var b strings.Builder
	require.NoError(t, run(&b, regexp.MustCompile("^user_hash"), 2, time.Millisecond))
	assert.Contains(t, b.String(), "\n| user_hash, 8-byte id | chatident |")
	assert.NotContains(t, b.String(), "| mint |")
	assert.Contains(t, b.String(), "2 times 1ms")
}

func TestMeasure_WrongResult(t *testing.T) {
	right := func(got int) error { return equal(got, 4) }
	g := &Group{
		Task:  "sum",
		Floor: call("right", func() (int, error) { return 4, nil }, right),
		Ours:  call("wrong", func() (int, error) { return 5, nil }, right),
	}
	_, err := measure(g, 1, time.Microsecond)
	require.EqualError(t, err, `sum, wrong: got "5", want "4"`)

	g.Ours = call("failing", func() (int, error) { return 0, errors.New("no sums today") }, right)
	_, err = measure(g, 1, time.Microsecond)
	require.EqualError(t, err, `sum, failing: no sums today`)
}

func TestMeasure_TakesTurns(t *testing.T) {
	var turns string
	item := func(name string, took time.Duration) Item {
		return Item{Name: name, Check: func() error { return nil }, Run: func(n int) (time.Duration, error) {
			turns += name
			return time.Duration(n) * took, nil
		}}
	}
	g := &Group{Floor: item("f", time.Millisecond), Ours: item("o", 3*time.Millisecond), Peers: []Item{{Missing: "it is not there"}}}
	results, err := measure(g, 3, time.Millisecond)
	require.NoError(t, err)
	assert.Regexp(t, "^fo(fo|of){3}$", turns, "once to calibrate, then three rounds")
	require.Len(t, results, 3)
	assert.Equal(t, 3.0, ratios(results[1], results[0]).median)
	assert.Empty(t, results[2])
}
