package chatproxy

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

// faultyChats is a store some of whose calls fail.
type faultyChats struct {
	*memoryChats
	mu    sync.Mutex
	swaps int

	// before and after are called with the number of a swap, from 1 on. What they return
	// is the error of the swap: that of after comes although the value was stored.
	before, after func(swap int) error
}

func (f *faultyChats) CompareAndSwap(ctx context.Context, key string, old, new []byte) (bool, error) {
	f.mu.Lock()
	f.swaps++
	n := f.swaps
	f.mu.Unlock()
	if f.before != nil {
		if err := f.before(n); err != nil {
			return false, err
		}
	}
	swapped, err := f.memoryChats.CompareAndSwap(ctx, key, old, new)
	if f.after != nil && swapped {
		err = f.after(n)
	}
	return swapped && err == nil, err
}

// failingAt returns an error for one swap alone.
func failingAt(swap int) func(int) error {
	return func(n int) error {
		if n == swap {
			return errStore
		}
		return nil
	}
}

// A store that fails for a moment leaves no chat behind as pending, also if it stored the
// value of which it returned an error.
func TestChats_OneSwapFails(t *testing.T) {
	for name, chats := range map[string]*faultyChats{
		"first":              {before: failingAt(1)},
		"first, but stored":  {after: failingAt(1)},
		"second":             {before: failingAt(2)},
		"second, but stored": {after: failingAt(2)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chats.memoryChats = newMemoryChats()
				e := newSite(t, setup{proxy: &Options{Chats: chats, Anonymous: true}})
				defer e.end()
				f := &chatForm{site: e, native: true, chat: "c", visitor: asAnonymous}
				first := f.send("m1", "hello")
				assert.NotEmpty(t, first.Conversation)
				got := f.send("m2", "more")
				assert.Empty(t, got.code)
				if name != "first" {
					assert.Equal(t, first.Conversation, got.Conversation)
				}
				for _, err := range e.reports() {
					assert.ErrorIs(t, err, ErrChats)
				}
			})
		})
	}
}

// A conversation that continues is not lost because the store fails.
func TestChats_FailsInAKnownConversation(t *testing.T) {
	for swap := 3; swap <= 4; swap++ {
		synctest.Test(t, func(t *testing.T) {
			e := newSite(t, setup{proxy: &Options{Chats: &faultyChats{memoryChats: newMemoryChats(), before: failingAt(swap)}}})
			defer e.end()
			f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
			f.send("m1", "hello")
			got := f.send("m2", "more")
			assert.Equal(t, map[string][]string{"456": {"hello", "more"}}, e.turns())
			assert.False(t, got.ConversationLost, swap)
		})
	}
}

// panickyChats panics in each call.
type panickyChats struct{}

func (panickyChats) Load(context.Context, string) ([]byte, error) { panic("redis: nil pool") }
func (panickyChats) CompareAndSwap(context.Context, string, []byte, []byte) (bool, error) {
	panic("redis: nil pool")
}

func TestChats_Panics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{proxy: &Options{Chats: panickyChats{}}})
		defer e.end()
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		got := f.send("m1", "hello")
		assert.NotEmpty(t, got.Conversation)
		var p *PanicError
		if reports := e.reports(); assert.NotEmpty(t, reports) {
			assert.ErrorAs(t, reports[0], &p)
			assert.ErrorIs(t, reports[0], ErrChats)
		}
		assert.Zero(t, e.streamsInUse())
	})
}

// A store that fails after the visitor has left is reported too: no visitor is to blame.
func TestChats_FailsAfterTheVisitorLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := paced()
		s.proxy = &Options{Chats: &faultyChats{memoryChats: newMemoryChats(), before: func(swap int) error {
			if swap > 1 {
				return errStore
			}
			return nil
		}}}
		e := newSite(t, s)
		defer e.end()
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		f.begin("m1", longText, 3)()
		time.Sleep(time.Minute)
		reports := e.reports()
		require.NotEmpty(t, reports)
		assert.ErrorIs(t, errors.Join(reports...), errStore)
	})
}

// An exchange that fails does not end the first exchange of another message.
func TestChat_FailureBesideAFirstExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := paced()
		s.proxy = &Options{Anonymous: true}
		e := newSite(t, s)
		defer e.end()
		f := &chatForm{site: e, native: true, chat: "c", visitor: asAnonymous}
		f.send("m1", "hello")
		gone := func(after time.Duration) chattest.Fault {
			return func(http.Handler) http.Handler {
				return chattest.Slow(after)(chattest.Status(404, "RESOURCE_NOT_FOUND")(nil))
			}
		}
		e.fake.Script(gone(time.Second), gone(3*time.Second))
		var wait sync.WaitGroup
		for _, id := range []string{"m2", "m3"} {
			wait.Go(func() { assert.Equal(t, "conversation_not_found", f.send(id, id).code) })
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		wait.Go(func() { f.send("m4", longText) }) // begins a conversation, within 8 seconds
		time.Sleep(2 * time.Second)
		f.send("m5", "more")
		wait.Wait()
		assert.Equal(t, map[string][]string{"456": {"hello"}, "457": {longText, "more"}}, e.turns())
	})
}

// An id that the service would not take back is not kept, however long it is.
func TestChat_HugeIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		defer e.end()
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		huge := strings.Repeat("m", 500<<10)
		e.fake.Script(chattest.Respond(streaming(`{"type":"finish","finishReason":"stop","metadata":{"conversationId":"456","userMessageId":"` + huge + `"}}`)))
		assert.NotEmpty(t, f.send("m1", "hello").Conversation)
		value, err := e.proxy.options.Chats.Load(t.Context(), e.proxy.tickets.chatKey(ada, "c"))
		require.NoError(t, err)
		assert.Less(t, len(value), 8<<10)
	})
}

// A chat whose first exchange began by a clock that is far ahead is not locked until then.
func TestChat_ClockFarAhead(t *testing.T) {
	for ahead, want := range map[time.Duration]bool{
		-time.Second:                    false,
		time.Second:                     true,
		maxStream + maxReadOn + maxSkew: true,
		time.Hour:                       false,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := chat{Pending: true, Begun: time.Now().Add(ahead - maxStream - maxReadOn).UnixMilli()}
			assert.Equal(t, want, c.isPending(), ahead)
		})
	}
}
