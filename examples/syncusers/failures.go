package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/chatident/chatident/contacts"
)

// failures is the file of all failed rows. As a checkpoint passes a refused row
// only after this was told, no row is missing from it, however a run ends; one
// may come twice.
type failures struct{ file *os.File }

func openFailures(name string, appends bool) (failures, error) {
	if name == "" {
		return failures{}, nil
	}
	mode := os.O_TRUNC
	if appends {
		mode = os.O_APPEND
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|mode, 0o600) // customers' data
	return failures{file}, err
}

func (f failures) add(_ context.Context, failure contacts.Failure) error {
	if f.file == nil {
		return nil
	}
	line, err := json.Marshal(map[string]any{
		"key":         json.RawMessage(failure.Row.Cursor),
		"external_id": externalID(failure),
		"outcome":     failure.Outcome,
		"reason":      failure.Reason(),
	})
	if err != nil {
		return err
	}
	_, err = f.file.Write(append(line, '\n'))
	return err
}

func (f failures) close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
