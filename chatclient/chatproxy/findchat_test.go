package chatproxy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

// findChat returns the conversation of a chat, and the code of an error.
func (e *site) findChat(chat string, header ...string) (conversation, code string) {
	e.Helper()
	_, text := e.do("GET", "/conversation?chat="+chat, "", header...)
	var response struct {
		Version      int
		Conversation string
		Error        struct{ Code string }
	}
	require.NoError(e, json.Unmarshal([]byte(text), &response), text)
	assert.Equal(e, 1, response.Version)
	return response.Conversation, response.Error.Code
}

func TestFindChat(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	found, code := e.findChat("c1")
	assert.Empty(t, found+code)
	for _, visitor := range [][]string{{asUser, "ada"}, {asUser, "", asSession, "s1"}} {
		res, text := e.do("POST", "/messages", `{"message":"Hello","chat":"c1"}`, visitor...)
		require.Equal(t, 200, res.StatusCode, text)
		found, code = e.findChat("c1", visitor...)
		assert.Contains(t, text, found)
		assert.NotEmpty(t, found)
		assert.Empty(t, code)
	}
	found, _ = e.findChat("c1", asUser, "grace")
	assert.Empty(t, found, "the chat of another visitor")
	for _, query := range []string{"", "?chat=", "?chat=a%20b", "?chat=%00"} {
		e.rejected(400, "invalid_request", "GET", "/conversation"+query, "")
	}
	e.rejected(401, "sign_in_required", "GET", "/conversation?chat=c1", "", asUser, "")
	assert.Empty(t, e.reports())
}

// The page that comes after a reload waits for the first reply of the page before.
func TestFindChat_WaitsForTheFirstExchange(t *testing.T) {
	for pace, want := range map[time.Duration]string{5 * time.Second: "", 20 * time.Second: "reply_pending"} {
		synctest.Test(t, func(t *testing.T) {
			e := newSite(t, setup{fake: &chattest.Options{Pace: pace}})
			res := e.open("POST", "/messages", `{"message":"Hello","chat":"c1"}`)
			go func() { _, _ = io.Copy(io.Discard, res.Body) }()
			begun := time.Now()
			found, code := e.findChat("c1")
			assert.Equal(t, want, code)
			assert.Equal(t, want == "", found != "")
			assert.Less(t, time.Since(begun), 31*time.Second)
			assert.Greater(t, time.Since(begun), 9*time.Second)
			_ = res.Body.Close()
			e.end()
		})
	}
}

// failingChats is a store that is out of reach.
type failingChats struct{}

var errStore = errors.New("redis: password hunter2")

func (failingChats) Load(context.Context, string) ([]byte, error) { return nil, errStore }
func (failingChats) CompareAndSwap(context.Context, string, []byte, []byte) (bool, error) {
	return false, errStore
}

func TestFindChat_ChatsFails(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Chats: failingChats{}}})
	found, code := e.findChat("c1")
	assert.Empty(t, found+code)
	reports := e.reports()
	require.Len(t, reports, 1)
	require.ErrorIs(t, reports[0], ErrChats)
	assert.ErrorIs(t, reports[0], errStore)
}

// Requests that wait are bounded for each visitor.
func TestFindChat_TooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{fake: &chattest.Options{Pace: 20 * time.Second}})
		res := e.open("POST", "/messages", `{"message":"Hello","chat":"c1"}`)
		go func() { _, _ = io.Copy(io.Discard, res.Body) }()
		var waiting sync.WaitGroup
		for range defaultMaxStreams {
			waiting.Go(func() { _, _ = e.findChat("c1") })
		}
		time.Sleep(time.Second)
		e.rejected(429, "too_many_streams", "GET", "/conversation?chat=c1", "")
		_, code := e.findChat("c1", asUser, "grace")
		assert.Empty(t, code, "another visitor")
		waiting.Wait()
		synctest.Wait()
		assert.Empty(t, e.proxy.resumed.used)
		time.Sleep(2 * time.Minute)
		e.end()
	})
}
