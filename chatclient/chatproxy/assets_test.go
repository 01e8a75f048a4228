package chatproxy

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProxy_ServesScript(t *testing.T) {
	file, err := os.ReadFile("chatproxy.js")
	require.NoError(t, err)
	assert.Less(t, strings.Count(string(file), "\n"), 200, "it is to be read in one go")

	w := newRecorder()
	newSite(t, setup{}).proxy.ServeHTTP(w, httptest.NewRequest("GET", "/chatproxy.js", nil))
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, string(file), w.Body.String())
	assert.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, "no-cache", w.Header().Get("Cache-Control"))

	r := httptest.NewRequest("GET", "/chatproxy.js", nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	again := newRecorder()
	newSite(t, setup{}).proxy.ServeHTTP(again, r)
	assert.Equal(t, 304, again.Code)
	assert.Empty(t, again.Body.String())

	head := newRecorder()
	newSite(t, setup{}).proxy.ServeHTTP(head, httptest.NewRequest("HEAD", "/chatproxy.js", nil))
	assert.Equal(t, 200, head.Code)
	assert.Empty(t, head.Body.String())
	post := newRecorder()
	newSite(t, setup{}).proxy.ServeHTTP(post, httptest.NewRequest("POST", "/chatproxy.js", nil))
	assert.Equal(t, 405, post.Code)
	assert.Equal(t, "GET, HEAD", post.Header().Get("Allow"))
}
