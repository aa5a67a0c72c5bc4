// Package inferpb is the generated code of the messages in infer.proto.
//
// Generating it anew needs protoc (Debian's protobuf-compiler), and in PATH
//
//	go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
//	go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0
package inferpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative infer.proto
