package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/chatident/chatident/contacts"
)

// failures is the file of all failed rows, in the order of their keys. A checkpoint contains
// the length of the file up to its row. A later run reads the rows after it again, so it first
// truncates the file to that length. The file thus has each failed row once.
type failures struct {
	file  *os.File
	size  int64
	after []failed // in the file, not yet passed by a checkpoint
}

type failed struct {
	number int   // of the row
	begin  int64 // of its line
}

// openFailures opens the file and truncates it to size.
func openFailures(name string, size int64) (*failures, error) {
	if name == "" {
		return &failures{}, nil
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600) // customers' data
	if err != nil {
		return nil, err
	}
	f := &failures{file: file, size: size}
	info, err := file.Stat()
	if err == nil && info.Size() < size {
		err = fmt.Errorf("-failed: %q is shorter than when the checkpoint was written: is it the same file?", name)
	}
	if err == nil {
		err = file.Truncate(size)
	}
	if err == nil {
		_, err = file.Seek(size, 0)
	}
	if err != nil {
		_ = file.Close()
	}
	return f, err
}

func (f *failures) add(_ context.Context, failure contacts.Failure) error {
	number, key := parseCursor(failure.Row.Cursor)
	line, err := json.Marshal(map[string]any{
		"key":         json.RawMessage(key),
		"external_id": externalID(failure),
		"outcome":     failure.Outcome,
		"reason":      failure.Reason(),
	})
	if err != nil {
		return err
	}
	f.after = append(f.after, failed{number, f.size})
	n, err := f.file.Write(append(line, '\n'))
	f.size += int64(n)
	return err
}

// upTo syncs the file to disk and returns its length up to a row.
func (f *failures) upTo(number int) (size int64, err error) {
	if f.file == nil {
		return 0, nil
	}
	for len(f.after) > 0 && f.after[0].number <= number {
		f.after = f.after[1:]
	}
	size = f.size
	if len(f.after) > 0 {
		size = f.after[0].begin
	}
	return size, f.file.Sync()
}

func (f *failures) close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
