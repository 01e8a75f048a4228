package main

import (
	"encoding/json"
	"os"
	"os/exec"
)

// child is another process, which reads commands and writes results as JSON.
type child struct {
	in   *json.Encoder
	out  *json.Decoder
	stop func()
}

// startChild starts a process that ends when its standard input does.
func startChild(cmd *exec.Cmd) (child, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return child{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return child{}, err
	}
	if err := cmd.Start(); err != nil {
		return child{}, err
	}
	stop := func() {
		in.Close()
		_ = cmd.Wait()
	}
	return child{json.NewEncoder(in), json.NewDecoder(out), stop}, nil
}
