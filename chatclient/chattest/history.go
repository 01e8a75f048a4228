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
}

func (f *Fake) listConversations(r *http.Request) (any, *refusal) {
	return pageOfConversations(f.store.conversations, r.URL.Query())
}

func (f *Fake) listUserConversations(r *http.Request) (any, *refusal) {
	user := r.PathValue("userId")
	if !isUserID(user) {
		return nil, invalidBody(map[string]string{"userId": "must be 1 to 128 of a-z, A-Z, 0-9, ., _ and -"})
	}
	var own []*conversation
	for _, c := range f.store.conversations {
		if c.UserID != nil && *c.UserID == user {
			own = append(own, c)
		}
	}
	return pageOfConversations(own, r.URL.Query())
}

func pageOfConversations(all []*conversation, q url.Values) (any, *refusal) {
	page, more, problem := pageOf(all, func(c *conversation) int64 { return c.activity }, q)
	slices.Reverse(page) // the newest activity first
	return list{page, more}, problem
}

// getConversation takes the query of a page, as listMessages does, whose
// cursors it gives.
func (f *Fake) getConversation(r *http.Request) (any, *refusal) {
	c, page, more, problem := f.pageOfMessages(r)
	return list{fullConversation{c, page}, more}, problem
}

func (f *Fake) listMessages(r *http.Request) (any, *refusal) {
	_, page, more, problem := f.pageOfMessages(r)
	return list{page, more}, problem
}

func (f *Fake) pageOfMessages(r *http.Request) (*conversation, []*message, pagination, *refusal) {
	c := f.store.find(r.PathValue("conversationId"))
	if c == nil {
		return nil, nil, pagination{}, notFound()
	}
	page, more, problem := pageOf(c.messages, func(m *message) int64 { return m.number }, r.URL.Query())
	return c, page, more, problem
}

func (f *Fake) export(*http.Request) (any, *refusal) {
	all := []fullConversation{}
	for _, c := range slices.Backward(f.store.conversations) {
		all = append(all, fullConversation{c, append([]*message{}, c.messages...)})
	}
	return list{all, pagination{Total: len(all)}}, nil
}

// pageOf returns the newest page of items, oldest first, whose numbers are
// below the cursor's. New items do not shift the pages behind a cursor.
func pageOf[T any](items []T, number func(T) int64, q url.Values) ([]T, pagination, *refusal) {
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
func parsePage(q url.Values) (limit int, before int64, problem *refusal) {
	limit = 20
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 1 || n > 100 {
			return 0, 0, invalidBody(map[string]string{"limit": "must be 1 to 100"})
		}
		limit = n
	}
	if q.Has("cursor") {
		text, _ := base64.RawURLEncoding.Strict().DecodeString(q.Get("cursor"))
		number, ok := strings.CutPrefix(string(text), cursorPrefix)
		n, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || n < 1 {
			return 0, 0, invalidBody(map[string]string{"cursor": "must be one of an earlier answer"})
		}
		before = n
	}
	return limit, before, nil
}
