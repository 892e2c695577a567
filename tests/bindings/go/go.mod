module driver

go 1.19

require shmchan v0.0.0

replace shmchan => ../../../lib/bindings/go
