package chattest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

type data struct {
	Data any `json:"data"`
}

type list struct {
	Data       any        `json:"data"`
	Pagination pagination `json:"pagination"`
}

type pagination struct {
	Cursor  *string `json:"cursor"`
	HasMore bool    `json:"hasMore"`
	Total   int     `json:"total"`
}

type fullConversation struct {
	*conversation
	Messages []*message `json:"messages"`
	Source   string     `json:"source,omitempty"` // in the export only
}

// readable reports whether a conversation exists outside of the export.
func (f *Fake) readable(c *conversation) bool {
	return !c.widget || f.readings["widget-conversations"] == "readable"
}

// find returns nil for a conversation that is unknown or not readable.
func (f *Fake) find(id string) *conversation {
	if c := f.store.find(id); c != nil && f.readable(c) {
		return c
	}
	return nil
}

func (f *Fake) listConversations(r *http.Request) (any, *rejection) {
	return f.pageOfConversations(r, func(*conversation) bool { return true })
}

func (f *Fake) listUserConversations(r *http.Request) (any, *rejection) {
	user := r.PathValue("userId")
	if !userIDPattern.MatchString(user) {
		return nil, invalid(map[string]string{"userId": userIDRule})
	}
	own := func(c *conversation) bool { return c.UserID != nil && *c.UserID == user }
	known := slices.ContainsFunc(f.store.conversations, func(c *conversation) bool { return own(c) && f.readable(c) })
	if !known && f.readings["unknown-user"] == "404" {
		return nil, notFound()
	}
	return f.pageOfConversations(r, own)
}

func (f *Fake) pageOfConversations(r *http.Request, wanted func(*conversation) bool) (any, *rejection) {
	var all []*conversation
	for _, c := range f.store.conversations {
		if wanted(c) && f.readable(c) {
			all = append(all, c)
		}
	}
	page, more, problem := pageOf(all, func(c *conversation) int64 { return c.activity }, r.URL.Query())
	slices.Reverse(page) // the newest activity first
	return list{page, more}, problem
}

// getConversation has the query and the cursors of listMessages.
func (f *Fake) getConversation(r *http.Request) (any, *rejection) {
	c, page, more, problem := f.pageOfMessages(r)
	return list{fullConversation{c, page, ""}, more}, problem
}

func (f *Fake) listMessages(r *http.Request) (any, *rejection) {
	_, page, more, problem := f.pageOfMessages(r)
	return list{page, more}, problem
}

func (f *Fake) pageOfMessages(r *http.Request) (*conversation, []*message, pagination, *rejection) {
	c := f.find(r.PathValue("conversationId"))
	if c == nil {
		return nil, nil, pagination{}, notFound()
	}
	page, more, problem := pageOf(c.messages, func(m *message) int64 { return m.number }, r.URL.Query())
	return c, page, more, problem
}

func (f *Fake) export(*http.Request) (any, *rejection) {
	all := []fullConversation{}
	for _, c := range slices.Backward(f.store.conversations) {
		source := "api"
		if c.widget {
			source = "widget"
		}
		all = append(all, fullConversation{c, append([]*message{}, c.messages...), source})
	}
	return list{all, pagination{Total: len(all)}}, nil
}

// pageOf returns the newest page of items, oldest first, whose numbers are
// below the cursor's. New items do not shift the pages after a cursor.
func pageOf[T any](items []T, number func(T) int64, q url.Values) ([]T, pagination, *rejection) {
	limit, before, problem := parsePage(q)
	if problem != nil {
		return nil, pagination{}, problem
	}
	end := len(items)
	for before > 0 && end > 0 && number(items[end-1]) >= before {
		end--
	}
	start := max(0, end-limit)
	page := append([]T{}, items[start:end]...)
	more := pagination{HasMore: start > 0, Total: len(items)}
	if more.HasMore {
		cursor := base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + strconv.FormatInt(number(items[start]), 10)))
		more.Cursor = &cursor
	}
	return page, more, nil
}

const cursorPrefix = "before:"

// parsePage returns 0 for before without a cursor.
func parsePage(q url.Values) (limit int, before int64, problem *rejection) {
	limit = 20
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 1 || n > 100 {
			return 0, 0, invalid(map[string]string{"limit": "must be 1 to 100"})
		}
		limit = n
	}
	if q.Has("cursor") {
		text, _ := base64.RawURLEncoding.Strict().DecodeString(q.Get("cursor"))
		number, ok := strings.CutPrefix(string(text), cursorPrefix)
		n, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || n < 1 {
			return 0, 0, invalid(map[string]string{"cursor": "must be one of an earlier response"})
		}
		before = n
	}
	return limit, before, nil
}
