package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/contacts"
)

const (
	tableRows = 60_000
	batchSize = 1000
	workers   = 4
)

// syncTable synchronizes a whole table with a service in another process.
func syncTable() (*Group, error) {
	s, err := startService()
	if err != nil {
		return nil, err
	}
	ours, err := contacts.New(apiKey, agent, &contacts.Options{
		BaseURL: s.url, HTTPClient: &http.Client{Transport: transport()}, Limiter: unlimited{}, // measures the cost of a row, not the pace
	})
	if err != nil {
		return nil, err
	}
	byHand := &http.Client{Transport: transport(), Timeout: time.Minute}
	return &Group{
		Task: fmt.Sprintf("Sync of %d rows, %d in a call, %d calls at once, by the clock", tableRows, batchSize, workers),
		Ours: wholeTable("chatident", func() (int, error) {
			report, err := ours.Sync(context.Background(), rows(tableRows), &contacts.SyncOptions{BatchSize: batchSize, Workers: workers})
			return report.Acknowledged, err
		}),
		Floor:  wholeTable("floor: net/http and encoding/json by hand", func() (int, error) { return syncByHand(byHand, s.url) }),
		AtMost: 1 / 0.95, // at least 0.95 times the throughput
		Close:  s.stop,
	}, nil
}

type unlimited struct{}

func (unlimited) Wait(context.Context) error { return nil }

// wholeTable returns an item that is measured by elapsed time, because its calls overlap
// with the service's work.
func wholeTable(name string, sync func() (int, error)) Item {
	item := call(name, sync, func(saved int) error { return equal(saved, tableRows) })
	item.Run = func(n int) (time.Duration, error) {
		begun := time.Now()
		for range n {
			if _, err := sync(); err != nil {
				return 0, err
			}
		}
		return time.Since(begun), nil
	}
	return item
}

// record is a row of the table.
type record struct {
	ID, Name, Email, Plan string
	Orders                int
}

func recordOf(i int) record {
	n := strconv.Itoa(i)
	return record{"user_" + n, "Ada Lovelace", "ada" + n + "@example.com", "pro", i % 100}
}

func rows(n int) iter.Seq2[contacts.Row, error] {
	return func(yield func(contacts.Row, error) bool) {
		for i := range n {
			r := recordOf(i)
			in := contacts.Fields{
				ExternalID:       contacts.Set(r.ID),
				Name:             contacts.Set(r.Name),
				Email:            contacts.Set(r.Email),
				CustomAttributes: contacts.Set(contacts.Values{"plan": r.Plan, "orders": r.Orders}),
			}
			if !yield(contacts.Row{Fields: in, Cursor: r.ID}, nil) {
				return
			}
		}
	}
}

type user struct {
	ExternalID       string         `json:"external_id"`
	Name             string         `json:"name,omitempty"`
	Email            string         `json:"email,omitempty"`
	CustomAttributes map[string]any `json:"custom_attributes,omitempty"`
}

// syncByHand is a loop without handling of rejected rows, retries and checkpoints.
func syncByHand(client *http.Client, url string) (int, error) {
	batches := make(chan []user)
	var saved atomic.Int64
	var failed atomic.Pointer[error]
	var senders sync.WaitGroup
	for range workers {
		senders.Go(func() {
			for batch := range batches {
				n, err := upsertByHand(client, url, batch)
				if err != nil {
					failed.Store(&err)
				}
				saved.Add(int64(n))
			}
		})
	}
	var batch []user
	for i := range tableRows {
		r := recordOf(i)
		batch = append(batch, user{r.ID, r.Name, r.Email, map[string]any{"plan": r.Plan, "orders": r.Orders}})
		if len(batch) == batchSize {
			batches <- batch
			batch = nil
		}
	}
	if len(batch) > 0 {
		batches <- batch
	}
	close(batches)
	senders.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return int(saved.Load()), nil
}

// upsertByHand returns how many contacts the response lists as saved.
func upsertByHand(client *http.Client, url string, batch []user) (int, error) {
	body, err := json.Marshal(map[string]any{"users": batch})
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest("POST", url+"/api/v1/chatbots/123/contacts", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+apiKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %d", response.StatusCode)
	}
	var saved struct {
		Data []struct {
			ExternalID string `json:"external_id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&saved); err != nil {
		return 0, err
	}
	return len(saved.Data), nil
}
