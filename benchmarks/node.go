package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// nodeFolder has the script and the packages of the peers for Node.
const nodeFolder = "../internal/testenv/node"

// node is a process of Node that performs tasks on request, and returns their CPU time.
type node struct {
	child
	missing string // why there is no process
}

// startNode starts a process, and sends it the input of its tasks. Without Node, or without
// the packages, the items of the returned node are missing.
func startNode(input map[string]any) (*node, error) {
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
	return n, n.in.Encode(input)
}

// item returns an item that performs a task, atOnce times concurrently.
func (n *node) item(name, task string, atOnce int, check func(string) error) Item {
	request := func(times int) (response struct {
		NS     int64
		Result string
	}, err error) {
		if err := n.in.Encode(map[string]any{"task": task, "times": times, "atOnce": atOnce}); err != nil {
			return response, err
		}
		err = n.out.Decode(&response)
		return response, err
	}
	return Item{
		Name:      name,
		Missing:   n.missing,
		Elsewhere: true,
		Run: func(times int) (time.Duration, error) {
			response, err := request(times)
			return time.Duration(response.NS), err
		},
		Check: func() error {
			response, err := request(1)
			if err != nil {
				return err
			}
			return check(response.Result)
		},
	}
}
