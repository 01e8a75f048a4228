package chatclient

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/chatident/chatident/internal/bookbag"
)

// maxLimit is how many items a page may have.
const maxLimit = 100

// PageRequest selects a page of a list.
type PageRequest struct {
	// Limit is the maximum number of items in the page, from 1 to 100. Default: 20.
	Limit int

	// Cursor is the NextCursor of the previous page. It is empty for the first page.
	Cursor string
}

// Page is a page of a list.
type Page[T any] struct {
	// Items are the items of the page, in the order of the list.
	Items []T

	// NextCursor is the cursor of the next page. It is empty on the last page.
	NextCursor string

	// Total is the number of items in the whole list, or 0 if the response does not
	// contain it.
	Total int

	ResponseInfo

	operation string // for the error of all
}

func (p PageRequest) query() (url.Values, error) {
	if p.Limit < 0 || p.Limit > maxLimit {
		return nil, &FieldError{"PageRequest.Limit", "must be from 1 to 100, or 0 for the default"}
	}
	q := url.Values{}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Cursor != "" {
		q.Set("cursor", p.Cursor)
	}
	return q, nil
}

// pagination is the member of a list that says where it continues.
type pagination struct {
	cursor string // of the next page, empty at the end
	total  int
}

// read decodes the member pagination of a response, if there is one. If there are more
// items but no cursor, it returns an error, because the rest of the list would be lost.
func (p *pagination) read(text json.RawMessage) error {
	if text == nil {
		return nil
	}
	var fields struct {
		Cursor  json.RawMessage `json:"cursor"`
		HasMore bool            `json:"hasMore"`
		Total   json.RawMessage `json:"total"`
	}
	if json.Unmarshal(text, &fields) != nil {
		return bookbag.ErrFormat
	}
	_ = json.Unmarshal(fields.Total, &p.total) // of another type: unknown
	cursor := cmp.Or(string(fields.Cursor), "null")
	_ = (*issuedID)(&p.cursor).UnmarshalJSON([]byte(cursor))
	if isEnd := cursor == "null" || cursor == `""`; p.cursor == "" && (!isEnd || fields.HasMore) {
		return bookbag.ErrFormat
	}
	return nil
}

// page requests a page of the list at the path.
func page[T any](ctx context.Context, c *Client, p PageRequest, path string, ids ...string) (found Page[T], err error) {
	call := readCall(path, ids...)
	if call.Query, err = p.query(); err != nil {
		return found, err
	}
	var next pagination
	info, err := c.do(ctx, call, func(body []byte) (err error) {
		members := bookbag.Members(body)
		found.Items, err = bookbag.List[T](members["data"], cmp.Or(p.Limit, maxLimit))
		return cmp.Or(err, next.read(members["pagination"]))
	})
	if err != nil {
		return Page[T]{}, err
	}
	found.NextCursor, found.Total, found.ResponseInfo, found.operation = next.cursor, next.total, info, call.Operation
	return found, nil
}

// all iterates over the items of all pages. next requests one page.
func all[T any](ctx context.Context, next func(context.Context, PageRequest) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		seen := map[string]bool{}
		for p := (PageRequest{Limit: maxLimit}); ; {
			found, err := next(ctx, p)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range found.Items {
				if !yield(item, nil) {
					return
				}
			}
			p.Cursor = found.NextCursor
			if p.Cursor == "" {
				return
			}
			if seen[p.Cursor] {
				yield(zero, &Error{
					ResponseInfo: found.ResponseInfo, Operation: found.operation, StatusCode: http.StatusOK, Attempts: 1, err: ErrRepeatedPage,
				})
				return
			}
			seen[p.Cursor] = true
		}
	}
}
