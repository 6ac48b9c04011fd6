from workers.adapters import names


def test_sgm_and_diffusers_names_meet_in_the_live_module():
    """SDXL's numbering, whose first level attends to nothing; kohya's trainer writes the original names."""
    pairs = {
        "input_blocks_4_1_transformer_blocks_0_attn2": "down_blocks.1.attentions.0.transformer_blocks.0.attn2",
        "input_blocks_7_1_transformer_blocks_9_ff_net_0_proj": (
            "down_blocks.2.attentions.0.transformer_blocks.9.ff.net.0.proj"
        ),
        "middle_block_1_proj_in": "mid_block.attentions.0.proj_in",
        "output_blocks_2_2_conv": "up_blocks.0.upsamplers.0.conv",
        "output_blocks_5_1_proj_out": "up_blocks.1.attentions.2.proj_out",
        "input_blocks_3_0_op": "down_blocks.0.downsamplers.0.conv",
        "input_blocks_4_0_emb_layers_1": "down_blocks.1.resnets.0.time_emb_proj",
        "output_blocks_8_0_skip_connection": "up_blocks.2.resnets.2.conv_shortcut",
        "label_emb_0_0": "add_embedding.linear_1",
        "time_embed_2": "time_embedding.linear_2",
        "out_2": "conv_out",
    }
    for original, live in pairs.items():
        assert f"lora_unet_{original}" in names.names_of(f"unet.{live}")


def test_no_name_is_two_modules():
    """Over SD1's and SDXL's numbering together."""
    lives = {live for pairs in names._original() for live in pairs}
    flat = [name for live in lives for name in names.names_of(f"unet.{live}")]
    assert len(flat) == len(set(flat))


def test_text_encoders():
    first, second = "text_encoder.encoder.layers.0.mlp.fc1", "text_encoder_2.encoder.layers.31.self_attn.q_proj"
    assert "lora_te_text_model_encoder_layers_0_mlp_fc1" in names.names_of(first)
    assert "lora_te1_text_model_encoder_layers_0_mlp_fc1" in names.names_of(first)
    assert names.names_of(second) == ("lora_te2_text_model_encoder_layers_31_self_attn_q_proj",)
    assert "lora_te2_text_projection" in names.names_of("text_encoder_2.text_projection")
    assert names.normal("text_encoder_2.text_model.encoder.layers.31.self_attn.q_proj") in names.names_of(second)
    assert names.normal("text_encoder_2.text_projection") in names.names_of("text_encoder_2.text_projection")
