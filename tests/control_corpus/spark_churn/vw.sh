#!/bin/sh
exec vw -d train.vw -f model.vw --passes 5 -c
