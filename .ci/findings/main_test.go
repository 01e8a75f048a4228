package main

import (
	"strings"
	"testing"
)

const (
	config  = `{"config":{"protocol_version":"v1.0.0","scanner_name":"govulncheck"}} {"progress":{"message":"..."}} {"osv":{"id":"GO-1"}}`
	library = `{"finding":{"osv":"GO-1","fixed_version":"v1.26.9","trace":[{"module":"stdlib","version":"v1.26.8","package":"net/http"}]}}`
	called  = `{"finding":{"osv":"GO-1","fixed_version":"v1.26.9","trace":[{"module":"stdlib","version":"v1.26.8","function":"Get"},{"module":"github.com/chatident/chatident"}]}}`
	module  = `{"finding":{"osv":"GO-2","fixed_version":"v4.1.9","trace":[{"module":"github.com/go-jose/go-jose/v4","version":"v4.1.8"}]}}`
)

func TestRun_CountsModules(t *testing.T) {
	for _, test := range []struct {
		in      string
		modules int
		lines   string
		fails   bool
	}{
		{config, 0, "", false},
		{config + library + called, 0, "GO-1 in stdlib v1.26.8 (fixed in v1.26.9)\n", false},
		{config + module + module + library, 1, "GO-2 in github.com/go-jose/go-jose/v4 v4.1.8 (fixed in v4.1.9)\nGO-1 in stdlib v1.26.8 (fixed in v1.26.9)\n", false},
		{"", 0, "", true},
		{"No vulnerabilities found.", 0, "", true},
		{config + `{"finding":{"osv":"GO-1"}}`, 0, "", true},
		{config + `{"finding":{`, 0, "", true},
	} {
		var out strings.Builder
		modules, err := run(strings.NewReader(test.in), &out)
		if modules != test.modules || out.String() != test.lines || (err != nil) != test.fails {
			t.Errorf("%s: %d, %v, %s", test.in, modules, err, out.String())
		}
	}
}
