package mistakes

import (
	"iter"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
)

const (
	key    = "oc_live_0123456789abcdef"
	secret = "a secret of at least 32 bytes, for tests"
)

// check checks that each error has the text that is its key.
func check(t *testing.T, mistakes map[string]error) {
	t.Helper()
	for message, err := range mistakes {
		assert.EqualError(t, err, message)
	}
}

func second[T any](_ T, err error) error { return err }

func last[T any](list iter.Seq2[T, error]) (err error) {
	for _, err = range list {
	}
	return err
}

func panicOf(f func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	f()
	return nil
}

func nobody(*http.Request) (chatproxy.Visitor, error) { return chatproxy.Visitor{}, nil }

func newBot(t *testing.T) *chatclient.Client {
	bot, err := chatclient.New(key, 123, nil)
	require.NoError(t, err)
	return bot
}

func newMinter(t *testing.T) *identity.Minter {
	key, err := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	minter, err := identity.NewMinter(key, nil)
	require.NoError(t, err)
	return minter
}

func newAinisa(t *testing.T) *hmachash.Ainisa {
	ainisa, err := hmachash.NewAinisa(secret, nil)
	require.NoError(t, err)
	return ainisa
}

// proxyErrors returns what a proxy reports for a request.
func proxyErrors(t *testing.T, path string, visitor func(*http.Request) (chatproxy.Visitor, error)) (reported error) {
	options := &chatproxy.Options{OnError: func(_ *http.Request, err error) { reported = err }}
	proxy, err := chatproxy.New(newBot(t), secret, visitor, options)
	require.NoError(t, err)
	proxy.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	return reported
}
