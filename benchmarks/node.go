package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// nodeFolder has the script and the packages of the peers in Node.
const nodeFolder = "../internal/proof/node"

// node is a process of Node that does works on request, and tells their CPU time.
type node struct {
	missing string // why there is none
	in      *json.Encoder
	out     *json.Decoder
	stop    func()
}

// startNode starts one, and tells it what its works need. Without Node, or without
// its packages, it returns one whose items are missing.
func startNode(needs map[string]any) (*node, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return &node{missing: "Node is not installed", stop: func() {}}, nil
	}
	if _, err := os.Stat(filepath.Join(nodeFolder, "node_modules", "jose")); err != nil {
		return &node{missing: "run npm ci --prefix internal/proof/node", stop: func() {}}, nil
	}
	cmd := exec.Command("node", "bench.mjs")
	cmd.Dir = nodeFolder
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n := &node{in: json.NewEncoder(in), out: json.NewDecoder(bufio.NewReader(out)), stop: end(cmd, in)}
	return n, n.in.Encode(needs)
}

// end closes the standard input, which ends the process.
func end(cmd *exec.Cmd, in io.Closer) func() {
	return func() {
		in.Close()
		_ = cmd.Wait()
	}
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
