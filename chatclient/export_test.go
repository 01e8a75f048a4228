package chatclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// closeCounter is a body that counts how often it is closed.
type closeCounter struct {
	io.Reader
	closes *int
}

func (c closeCounter) Close() error { *c.closes++; return nil }

func exportOf(body io.Reader, closes *int) transport {
	return func(*http.Request) (*http.Response, error) {
		res := newResponse(200, "application/json", nil)
		res.Body = closeCounter{body, closes}
		return res, nil
	}
}

func TestExport_AsItArrives(t *testing.T) {
	body, w := io.Pipe()
	closes := 0
	go func() {
		_, _ = io.WriteString(w, `{"data":[{"id":1,"messages":[{"id":"m"}]}`)
	}()
	c := newTestClient(t, exportOf(body, &closes), nil)
	var ids []ConversationID
	for conversation, err := range c.Export(t.Context()) {
		require.NoError(t, err)
		ids = append(ids, conversation.ID)
		if conversation.ID == "1" {
			assert.Equal(t, "m", conversation.Messages[0].ID)
			go func() { // not before the first has been read
				_, _ = io.WriteString(w, `,{"id":"2"}],"pagination":{"cursor":null,"hasMore":false}}`)
				_ = w.Close()
			}()
		}
	}
	assert.Equal(t, []ConversationID{"1", "2"}, ids)
	assert.Equal(t, 1, closes)
}

func TestExport_LoopThatEndsEarly(t *testing.T) {
	closes := 0
	c := newTestClient(t, exportOf(strings.NewReader(`{"data":[{"id":1},{"id":2}`), &closes), nil)
	for _, err := range c.Export(t.Context()) {
		require.NoError(t, err)
		break
	}
	assert.Equal(t, 1, closes)
}

func TestExport_Errors(t *testing.T) {
	broken := errors.New("connection reset")
	const two = `{"data":[{"id":1},{"id":2}`
	for _, test := range []struct {
		body io.Reader
		n    int
		want error
	}{
		{strings.NewReader(two), 2, ErrUnexpectedResponse},
		{strings.NewReader(two + `]}x`), 2, ErrUnexpectedResponse},
		{strings.NewReader(two + `,7]}`), 2, ErrUnexpectedResponse},
		{strings.NewReader(two + `,{"id":01}]}`), 2, ErrUnexpectedResponse},
		{strings.NewReader(two + `],"pagination":{"cursor":"more","hasMore":true}}`), 2, ErrUnexpectedResponse},
		{strings.NewReader(two + `],"pagination":{"hasMore":true}}`), 2, ErrUnexpectedResponse},
		{io.MultiReader(strings.NewReader(two), &failingReader{broken}), 2, broken},
		{strings.NewReader(two + `,{"title":"` + strings.Repeat("a", 200_000) + `"}]}`), 2, ErrTooLong},
		{strings.NewReader(two + `,{"messages":[` + strings.Repeat(`{},`, 100_000) + `{}]}]}`), 2, ErrTooLong},
	} {
		closes := 0
		c := newTestClient(t, exportOf(test.body, &closes), func(o *Options) { o.MaxBody = 100_000 })
		n, err := readExport(c.Export(t.Context()))
		assert.Equal(t, test.n, n)
		assert.ErrorIs(t, err, test.want)
		assert.Equal(t, "GET /agents/{agentId}/conversations/export", requireError(t, err).Operation)
		assert.Equal(t, 1, closes)
	}
	n, err := readExport(newTestClient(t, jsonResponse(403, `{"error":{"code":"A","message":"m"}}`), nil).Export(t.Context()))
	assert.ErrorIs(t, err, ErrForbidden)
	assert.Zero(t, n)
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

// The idle timeout is for each conversation, and not for the caller.
func TestExport_Idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f := newPipe()
		c := newTestClient(t, f, func(o *Options) { o.IdleTimeout = time.Second })
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.write(t, `{"data":[{"id":1}`)
			time.Sleep(900 * time.Millisecond)
			p.write(t, `,{"id":2}`)
			for range 20 { // single bytes are no conversation
				time.Sleep(100 * time.Millisecond)
				if _, err := io.WriteString(p.PipeWriter, " "); err != nil {
					return
				}
			}
		}()
		var last error
		n := 0
		for _, err := range c.Export(t.Context()) {
			if last = err; err == nil {
				n++
				time.Sleep(time.Minute)
			}
		}
		assert.Equal(t, 2, n)
		assert.ErrorIs(t, last, ErrStreamIdle)
		<-done
	})
}

func TestExport_ContextThatEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	closes := 0
	c := newTestClient(t, exportOf(strings.NewReader(`{"data":[{"id":1},{"id":2}]}`), &closes), nil)
	reason := errors.New("the visitor has left")
	n := 0
	for _, err := range c.Export(ctx) {
		if n++; n == 2 {
			assert.ErrorIs(t, err, context.Canceled)
			assert.ErrorIs(t, err, reason)
		}
		cancel(reason)
	}
	assert.Equal(t, 2, n)
	assert.Equal(t, 1, closes)
}
