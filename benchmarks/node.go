package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// nodeFolder has the script and the packages of the peers in Node.
const nodeFolder = "../internal/testenv/node"

// node is a process of Node that does works on request, and tells their CPU time.
type node struct {
	child
	missing string // why there is none
}

// startNode starts one, and tells it what its works need. Without Node, or without
// its packages, it returns one whose items are missing.
func startNode(needs map[string]any) (*node, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return &node{missing: "Node is not installed", child: child{stop: func() {}}}, nil
	}
	if _, err := os.Stat(filepath.Join(nodeFolder, "node_modules", "jose")); err != nil {
		return &node{missing: "run npm ci --prefix internal/testenv/node", child: child{stop: func() {}}}, nil
	}
	cmd := exec.Command("node", "bench.mjs")
	cmd.Dir = nodeFolder
	c, err := startChild(cmd)
	if err != nil {
		return nil, err
	}
	n := &node{child: c}
	return n, n.in.Encode(needs)
}

// item does a work one by one, or so many at once.
func (n *node) item(name, work string, atOnce int, check func(string) error) Item {
	ask := func(times int) (answer struct {
		NS     int64
		Result string
	}, err error) {
		if err := n.in.Encode(map[string]any{"work": work, "times": times, "atOnce": atOnce}); err != nil {
			return answer, err
		}
		err = n.out.Decode(&answer)
		return answer, err
	}
	return Item{
		Name:      name,
		Missing:   n.missing,
		Elsewhere: true,
		Run: func(times int) (time.Duration, error) {
			answer, err := ask(times)
			return time.Duration(answer.NS), err
		},
		Check: func() error {
			answer, err := ask(1)
			if err != nil {
				return err
			}
			return check(answer.Result)
		},
	}
}
