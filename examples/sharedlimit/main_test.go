package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDemo(t *testing.T) {
	server := startRedis(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-redis", server.address, "-machines", "2", "-for", "2500ms"}, &out))
	assert.Contains(t, out.String(), "2 machines call as fast as their limiters allow, with 4 workers each.\n")
	assert.Regexp(t, `\n\d+ calls, never more than \d+ in 10 seconds\. Failed: 0\.\n$`, out.String())
}

func TestDemo_WithoutRedis(t *testing.T) {
	var out strings.Builder
	err := run(t.Context(), []string{"-redis", "127.0.0.1:1"}, &out)
	assert.ErrorContains(t, err, "no Redis responds at 127.0.0.1:1")
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.ErrorContains(t, err, "Start one")
	assert.ErrorContains(t, run(t.Context(), []string{"-machines", "0"}, &out), "at least 1")
}
