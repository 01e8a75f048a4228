package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
)

const (
	// protected is the first part of every token: {"alg":"dir","enc":"A128GCM"}.
	protected = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0"

	nonceSize = 12
	tagSize   = 16
)

// sealer encrypts claims into a token, and uses up their memory. It is a function
// so that the key inside is out of reach of everything that prints.
type sealer func(claims []byte) string

// newSealer stands on the standard library alone: of a token without a key of its
// own, that makes all parts that are not fixed. Its AEAD chooses the nonces, which
// is what FIPS 140 wants.
func newSealer(key Key) (sealer, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key.reveal())
	if err != nil {
		return nil, fmt.Errorf("identity: key cannot be used: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("identity: key cannot be used: %w", err)
	}
	header := []byte(protected)
	return func(claims []byte) string { return compact(aead.Seal(claims[:0], nil, claims, header)) }, nil
}

// compact returns the compact form of a JWE (RFC 7516, section 3.1) of a nonce, a
// ciphertext and a tag.
func compact(sealed []byte) string {
	end := len(sealed) - tagSize
	encoding := base64.RawURLEncoding
	token := make([]byte, 0, len(protected)+len("....")+encoding.EncodedLen(len(sealed))+len("=="))
	token = append(token, protected+".."...) // the key's part is empty
	token = encoding.AppendEncode(token, sealed[:nonceSize])
	token = encoding.AppendEncode(append(token, '.'), sealed[nonceSize:end])
	token = encoding.AppendEncode(append(token, '.'), sealed[end:])
	return string(token)
}
