package chatproxy

import (
	"bytes"
	"container/list"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/endpoint"
)

// Chats stores, for each chat of a page, which conversation it belongs to and which of
// its messages were forwarded. It is called for messages that name a chat, with a
// context that ends after 2 seconds. It must be safe for concurrent use.
//
// A key has two parts with a dot between, of letters, digits, underscore and hyphen: the
// first is the same for all chats of a visitor. A value has less than 8 KB. It contains ids of
// conversations, but neither names nor texts. A value of another key is an error.
//
// Delete values some time after their last change, such as 24 hours: after that, a page without
// a ticket begins a new conversation. With Options.ContinueAfterSignIn, keep them at least as
// long as a session lasts.
//
// If a method returns an error, it is reported as [ErrChats], and the message is handled as if
// the page had named no chat: without a ticket it begins a new conversation, and the page gets
// conversationLost.
type Chats interface {
	// Load returns the value of a key, or nil if there is none.
	Load(ctx context.Context, key string) (value []byte, err error)

	// CompareAndSwap atomically replaces the value of a key if it equals old, and reports
	// whether it did. If old is nil, there must be no value.
	CompareAndSwap(ctx context.Context, key string, old, new []byte) (swapped bool, err error)
}

// loadValue calls Load of Options.Chats.
func (p *Proxy) loadValue(ctx context.Context, key string) ([]byte, error) {
	return callChats(ctx, func(ctx context.Context) ([]byte, error) { return p.options.Chats.Load(ctx, key) })
}

// swapValue calls CompareAndSwap of Options.Chats.
func (p *Proxy) swapValue(ctx context.Context, key string, old, new []byte) (bool, error) {
	return callChats(ctx, func(ctx context.Context) (bool, error) { return p.options.Chats.CompareAndSwap(ctx, key, old, new) })
}

func callChats[T any](ctx context.Context, method func(context.Context) (T, error)) (result T, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), chatsTimeout)
	defer cancel()
	defer endpoint.Recover(func(p *endpoint.Panic) { err = fmt.Errorf("%w: %w", ErrChats, (*PanicError)(p)) })
	if result, err = method(ctx); err != nil {
		err = fmt.Errorf("%w: %w", ErrChats, err)
	}
	return result, err
}

const (
	chatsTimeout       = 2 * time.Second
	maxChatsPerVisitor = 32
	maxChatsBytes      = 32 << 20
	maxChatAge         = 24 * time.Hour
	chatOverhead       = 512 // bytes of memory in addition to the value
)

// memoryChats is the default Chats.
type memoryChats struct {
	mu       sync.Mutex
	chats    map[string]*list.Element // of storedChat
	changed  list.List                // of storedChat, the latest change last
	visitors map[string][]string      // keys by visitorPart, the latest change last
	bytes    int
}

type storedChat struct {
	key     string
	value   []byte
	changed time.Time
}

func newMemoryChats() *memoryChats {
	return &memoryChats{chats: map[string]*list.Element{}, visitors: map[string][]string{}}
}

func (m *memoryChats) Load(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.value(key), nil
}

// value removes values older than maxChatAge, and returns the value of a key.
func (m *memoryChats) value(key string) []byte {
	for e := m.changed.Front(); e != nil && time.Since(e.Value.(storedChat).changed) > maxChatAge; e = m.changed.Front() {
		m.remove(e.Value.(storedChat).key)
	}
	if e := m.chats[key]; e != nil {
		return e.Value.(storedChat).value
	}
	return nil
}

func (m *memoryChats) CompareAndSwap(_ context.Context, key string, old, new []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.value(key), old) {
		return false, nil
	}
	m.remove(key)
	m.chats[key] = m.changed.PushBack(storedChat{key, new, time.Now()})
	m.bytes += len(new) + chatOverhead
	v := visitorPart(key)
	m.visitors[v] = append(m.visitors[v], key)
	if len(m.visitors[v]) > maxChatsPerVisitor {
		m.remove(m.visitors[v][0])
	}
	for m.bytes > maxChatsBytes {
		m.remove(m.changed.Front().Value.(storedChat).key)
	}
	return true, nil
}

func (m *memoryChats) remove(key string) {
	e := m.chats[key]
	if e == nil {
		return
	}
	delete(m.chats, key)
	m.bytes -= len(m.changed.Remove(e).(storedChat).value) + chatOverhead
	v := visitorPart(key)
	m.visitors[v] = slices.DeleteFunc(m.visitors[v], func(k string) bool { return k == key })
	if len(m.visitors[v]) == 0 {
		delete(m.visitors, v)
	}
}

func visitorPart(key string) string {
	visitor, _, _ := strings.Cut(key, ".")
	return visitor
}
