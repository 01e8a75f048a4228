// Command findings reads what govulncheck -format json prints, and prints one
// line for each vulnerability.
//
//	govulncheck -format json ./... | go run .ci/findings/main.go
//
// The exit code is 1 if one is in a module, and 0 if all are in the standard
// library, where a newer release of Go is the remedy. The code that govulncheck
// itself would choose depends on whether the library calls what is vulnerable; a
// program that requires this module may call it too.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	modules, err := run(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "findings:", err)
		os.Exit(2)
	}
	if modules > 0 {
		os.Exit(1)
	}
}

// message is one of govulncheck's JSON values; each has one of the members.
type message struct {
	Config *struct {
		Protocol string `json:"protocol_version"`
	} `json:"config"`
	Finding *struct {
		OSV   string `json:"osv"`
		Fixed string `json:"fixed_version"`
		Trace []struct {
			Module  string `json:"module"`
			Version string `json:"version"`
		} `json:"trace"`
	} `json:"finding"`
}

// run returns the number of vulnerabilities in modules.
func run(in io.Reader, out io.Writer) (modules int, err error) {
	d := json.NewDecoder(in)
	printed, complete := map[string]bool{}, false
	for {
		var m message
		if err := d.Decode(&m); err == io.EOF {
			break
		} else if err != nil {
			return 0, err
		}
		complete = complete || m.Config != nil && m.Config.Protocol != ""
		if m.Finding == nil {
			continue
		}
		if m.Finding.OSV == "" || len(m.Finding.Trace) == 0 {
			return 0, errors.New("a finding without an id or a module")
		}
		where := m.Finding.Trace[0]
		line := fmt.Sprintf("%s in %s %s (fixed in %s)", m.Finding.OSV, where.Module, where.Version, m.Finding.Fixed)
		if printed[line] {
			continue // once for the module, again for the package and each call
		}
		printed[line] = true
		fmt.Fprintln(out, line)
		if where.Module != "stdlib" && where.Module != "toolchain" {
			modules++
		}
	}
	if !complete {
		return 0, errors.New("not the output of govulncheck")
	}
	return modules, nil
}
